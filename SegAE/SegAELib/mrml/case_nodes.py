"""The nodes of a case that was read from files, and what a user changed in its masks since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import vtk
from vtkmodules.util.numpy_support import numpy_to_vtk

from segae.data import Segment, Segmentation, Volume
from segae.report.style import SOFT_TISSUE
from SegAELib.mrml.binding import BINARY_LABELMAP, Node, Scene, SegmentationNode, VolumeNode
from SegAELib.mrml.edits import EditWatch
from SegAELib.mrml.matrices import to_vtk
from SegAELib.mrml.new_segmentation import add_segmentation
from SegAELib.mrml.scene_reader import read_masks, segment_names
from SegAELib.mrml.segment_names import identify_segments


def add_volume(scene: Scene, ct: Volume, name: str) -> VolumeNode:
    """A new node of a CT with its voxels (copied) on its grid, in a window for soft tissue."""
    image = vtk.vtkImageData()
    image.SetDimensions(*ct.grid.size)
    scalars = numpy_to_vtk(np.ascontiguousarray(ct.voxels).ravel(), deep=True)
    image.GetPointData().SetScalars(scalars)
    node = scene.CreateNodeByClass("vtkMRMLScalarVolumeNode")
    node.UnRegister(None)
    node.SetName(name)
    node.SetIJKToRASMatrix(to_vtk(ct.grid.affine))
    node.SetAndObserveImageData(image)
    # Before there are voxels: a display node of its own would look at all of them for a window.
    display = scene.AddNewNodeByClass("vtkMRMLScalarVolumeDisplayNode")
    display.SetDefaultColorMap()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(*SOFT_TISSUE)
    scene.AddNode(node)
    node.SetAndObserveDisplayNodeID(display.GetID())
    return node


@dataclass(frozen=True, eq=False)
class MaskEdits:
    """What differs from what was loaded or saved last: new and `changed` masks as they are now, and the names
    of masks that are not there any more, be it that they have another name."""

    changed: tuple[Segment, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changed or self.removed)

    @property
    def names(self) -> frozenset[str]:
        """The masks concerned."""
        return frozenset((*self.removed, *(one.name for one in self.changed)))


class CaseNodes:
    """CT and segmentation of one case in `scene`; ids of segments are the names of the masks.

    `masks` by name, on the grid of `ct`. Nothing else of the scene is touched, not by `remove` either. Raises
    `InputError` without masks.
    """

    def __init__(self, scene: Scene, ct: Volume, masks: Iterable[Segment], name: str) -> None:
        self._grid = ct.grid
        kept = {one.name: one for one in masks}
        self.volume: VolumeNode = add_volume(scene, ct, name)
        try:
            whole = Segmentation(tuple(kept.values()), name)
            self.segmentation: SegmentationNode = add_segmentation(scene, whole, self.volume, name)
        except Exception:
            scene.RemoveNode(self.volume)
            raise
        self._kept: dict[str, Segment] = kept  # as they were loaded or saved last, by segment id
        self._watch = EditWatch(self.segmentation, self.volume)
        self._watch.remember(kept)

    @property
    def is_alive(self) -> bool:
        """Whether both nodes still are in a scene."""
        return all(node.GetScene() is not None for node in (self.volume, self.segmentation))

    @property
    def mask_ids(self) -> dict[str, str]:
        """Segment id by the present name of each mask."""
        return {name: segment_id for segment_id, name in segment_names(self.segmentation).items()}

    def edits(self) -> MaskEdits:
        """What the user changed; masks that were not touched are not read."""
        names = segment_names(self.segmentation)
        touched = {*self._watch.touched(self._kept), *(i for i in names if i not in self._kept)}
        renamed = {i for i, name in names.items() if i in self._kept and self._kept[i].name != name}
        read = self._read([i for i in names if i in touched | renamed], names)
        changed = {i: one for i, one in read.items() if i in renamed or not same_mask(one, self._kept.get(i))}
        present = set(names.values())
        return MaskEdits(
            tuple(changed.values()),
            tuple(one.name for one in self._kept.values() if one.name not in present),
        )

    def mask(self, name: str) -> Segment | None:
        """A mask as it is now, None when it is not there any more."""
        segment_id = self.mask_ids.get(name)
        if segment_id is None:
            return None
        if segment_id in self._kept and segment_id not in self._watch.touched([segment_id]):
            return self._kept[segment_id]
        return self._read([segment_id], {segment_id: name})[segment_id]

    def saved(self, edits: MaskEdits) -> None:
        """These edits are on the disk now."""
        names = segment_names(self.segmentation)
        by_name = {one.name: one for one in edits.changed}
        self._kept = {
            i: by_name.get(name) or self._kept[i]
            for i, name in names.items()
            if name in by_name or (i in self._kept and self._kept[i].name == name)
        }
        unchanged = [i for i, one in self._read(self._kept, names).items() if same_mask(one, self._kept[i])]
        self._watch.remember(unchanged)

    def remove(self) -> None:
        """Take what is left of the two nodes out of their scene; may be called again."""
        self._watch.close()
        content = self.segmentation.GetSegmentation()
        for n in range(content.GetNumberOfLayers(BINARY_LABELMAP)):
            # Slicer copies a shared labelmap for each segment that is removed: half a minute for a hundred.
            content.GetLayerDataObject(n, BINARY_LABELMAP).Initialize()
        for node in (self.segmentation, self.volume):
            _remove(node)

    def _read(self, segment_ids: Iterable[str], names: dict[str, str]) -> dict[str, Segment]:
        """Masks by id as they are now, with what they are taken for."""
        ids = list(segment_ids)
        if not ids:
            return {}
        found = identify_segments(self.segmentation, ids)
        masks = {}
        for i, one in read_masks(self.segmentation, self.volume, ids).items():
            kept = self._kept.get(i)
            is_known = kept is not None and kept.name == names[i]
            structure = kept.structure if kept is not None and is_known else found[i].structure
            masks[i] = replace(one, name=names[i], structure=structure, grid=self._grid)
        return masks


def same_mask(one: Segment, other: Segment | None) -> bool:
    """Whether two masks on one grid have the same voxels."""
    return other is not None and one.box == other.box and np.array_equal(one.bits, other.bits)


def _remove(node: Node) -> None:
    scene = node.GetScene()
    if scene is None or scene.IsClosing():
        return
    others = [node.GetNthDisplayNode(n) for n in range(node.GetNumberOfDisplayNodes())]
    scene.RemoveNode(node)
    for other in (*others, node.GetStorageNode()):
        if other is not None and other.GetScene() is not None:
            scene.RemoveNode(other)
