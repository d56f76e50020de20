"""CT and segments out of the scene, at once or in parts.

A reading in parts is a generator: each step takes some hundredths of a second, and the application may do
other things in between. It yields how many segments are read, and returns what the function without
`_in_parts` does.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy

from segae.data import Segment, Segmentation, Volume, pack, unique_names
from segae.errors import InputError
from segae.geometry.box import Box, boxes_of_labels
from segae.labels.identify import Identification
from segae.labels.table import LabelTable
from SegAELib.mrml.binding import SegmentationNode, VolumeNode
from SegAELib.mrml.label_layers import LabelLayer, has_voxels, label_layers
from SegAELib.mrml.matrices import volume_grid
from SegAELib.mrml.nodes import reference_volume, require_segmentation
from SegAELib.mrml.segment_names import identify_segments

INT16 = np.iinfo(np.int16)
_PART = 8 << 20  # voxels that are looked at in one step
_Read = TypeVar("_Read")


def whole(parts: Generator[Any, None, _Read]) -> _Read:
    """Take all steps of a reading at once."""
    while True:
        try:
            next(parts)
        except StopIteration as end:
            return end.value


def read_volume(node: VolumeNode) -> Volume:
    """A copy of a volume node's voxels [k, j, i] on its grid in the world.

    int16 where all values are whole numbers of a type that fit, else float32. Raises `InputError` for a node
    without voxels, removed from the scene, or under a non-linear transform.
    """
    return whole(_volume_in_parts(node, 0))


def _volume_in_parts(node: VolumeNode, n_read: int) -> Generator[int, None, Volume]:
    """`n_read`: segments that are read already, which is what each step yields."""
    grid = volume_grid(node)
    image = node.GetImageData()
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(grid.shape)
    kind: type[np.generic] = np.int16
    for part in _parts(voxels):
        if not _fits_int16(voxels[part]):
            kind = np.float32
            break
        yield n_read
    copy = np.empty(voxels.shape, kind)
    for part in _parts(voxels):
        copy[part] = voxels[part]
        yield n_read
    return Volume(copy, grid, node.GetName())


def _parts(voxels: np.ndarray) -> list[slice]:
    """Slabs of an array (k, j, i) that are looked at one after the other."""
    thick = max(1, _PART // max(1, voxels[:1].size))
    return [slice(start, start + thick) for start in range(0, len(voxels), thick)]


def _fits_int16(voxels: np.ndarray) -> bool:
    if np.can_cast(voxels.dtype, np.int16):  # the usual CT: no need to look at every voxel
        return True
    whole_numbers = np.issubdtype(voxels.dtype, np.integer)
    return whole_numbers and int(voxels.min()) >= INT16.min and int(voxels.max()) <= INT16.max


@dataclass(frozen=True, eq=False)
class SceneCase:
    """A CT and masks read from a scene, free of it: the nodes may change or go while these are scored.

    `segments` by segment id, in the order of the segmentation.
    """

    volume: Volume
    segments: dict[str, Segment]
    source: str

    @property
    def segmentation(self) -> Segmentation:
        """What the scorer takes."""
        return Segmentation(tuple(self.segments.values()), self.source)

    @property
    def segment_ids(self) -> dict[str, str]:
        """Segment id by the name that rows of a report carry."""
        return {segment.name: segment_id for segment_id, segment in self.segments.items()}


def read_case(
    node: SegmentationNode,
    volume: VolumeNode | None = None,
    *,
    segment_ids: Collection[str] | None = None,
    organs: Mapping[str, Identification] | None = None,
    table: LabelTable | None = None,
) -> SceneCase:
    """A segmentation and its CT (None: the reference volume that the segmentation names).

    `segment_ids`, `organs`, `table`, errors: as in `read_segments`.
    """
    volume = volume if volume is not None else reference_volume(node)
    return whole(case_in_parts(node, volume, segment_ids=segment_ids, organs=organs, table=table))


def case_in_parts(
    node: SegmentationNode,
    volume: VolumeNode,
    *,
    segment_ids: Collection[str] | None = None,
    organs: Mapping[str, Identification] | None = None,
    table: LabelTable | None = None,
) -> Generator[int, None, SceneCase]:
    """`read_case` in parts."""
    segments = yield from _segments_in_parts(node, volume, segment_ids, organs, table)
    ct = yield from _volume_in_parts(volume, len(segments))
    return SceneCase(ct, segments, node.GetName())


def read_segments(
    node: SegmentationNode,
    volume: VolumeNode,
    *,
    segment_ids: Collection[str] | None = None,
    organs: Mapping[str, Identification] | None = None,
    table: LabelTable | None = None,
) -> dict[str, Segment]:
    """Segments by id on the grid of `volume`, in the order of the segmentation.

    `segment_ids`: only these (None: all). `organs`: what each is taken for, by id; segments that are not in
    it are identified in `table` (None: the default one). A segment without voxels on the volume gives an
    empty one. Raises `InputError` for nodes that cannot be read, an unknown segment id, and a segmentation
    that lies wholly outside the volume.
    """
    return whole(_segments_in_parts(node, volume, segment_ids, organs, table))


def _segments_in_parts(
    node: SegmentationNode,
    volume: VolumeNode,
    segment_ids: Collection[str] | None,
    organs: Mapping[str, Identification] | None,
    table: LabelTable | None,
) -> Generator[int, None, dict[str, Segment]]:
    segments = yield from masks_in_parts(node, volume, segment_ids)
    if all(s.is_empty for s in segments.values()) and has_voxels(node, volume, segments):
        raise InputError(
            f'No segment of "{node.GetName()}" lies inside the volume "{volume.GetName()}"; choose the CT it '
            "was drawn on."
        )
    given = organs or {}
    guesses = {**identify_segments(node, (i for i in segments if i not in given), table), **given}
    return {
        i: replace(
            segment,
            structure=guesses[i].structure,
            reason=guesses[i].reason,
            confidence=guesses[i].confidence,
        )
        for i, segment in segments.items()
    }


def read_masks(
    node: SegmentationNode, volume: VolumeNode, segment_ids: Collection[str] | None = None
) -> dict[str, Segment]:
    """The voxels of segments by id, without asking what organs they are; else like `read_segments`.

    A segmentation that lies outside of the volume gives empty segments.
    """
    return whole(masks_in_parts(node, volume, segment_ids))


def masks_in_parts(
    node: SegmentationNode, volume: VolumeNode, segment_ids: Collection[str] | None = None
) -> Generator[int, None, dict[str, Segment]]:
    """`read_masks` in parts. A segment that is edited between two steps may be read half before and half
    after the edit: look at it again."""
    require_segmentation(node)
    grid = volume_grid(volume)
    names = segment_names(node)
    masks: dict[str, tuple[Box, np.ndarray]] = dict.fromkeys(
        _chosen(node, segment_ids), (Box.empty(), np.zeros((0, 0, 0), np.uint8))
    )
    n_read = 0
    for layer in label_layers(node, volume, set(masks)):
        boxes: dict[int, Box] = {}
        for part in _parts(layer.labels):
            found = boxes_of_labels(layer.labels[part], layer.values.values())
            for value, box in found.items():
                boxes[value] = boxes.get(value, Box.empty()).union(box.shift(part.start, 0, 0))
            yield n_read
        for segment_id, value in layer.values.items():
            if value in boxes:
                masks[segment_id] = _pack(layer, value, boxes[value])
            n_read += 1
            yield n_read
    return {
        i: Segment(names[i], None, "not asked for", grid, *mask, node.GetName()) for i, mask in masks.items()
    }


def segment_names(node: SegmentationNode) -> dict[str, str]:
    """Name of each segment by id; names that occur twice get their id in brackets."""
    segmentation = node.GetSegmentation()
    ids = list(segmentation.GetSegmentIDs())
    names = [segmentation.GetSegment(i).GetName() or i for i in ids]
    return dict(zip(ids, unique_names(names, ids), strict=True))


def _chosen(node: SegmentationNode, segment_ids: Collection[str] | None) -> list[str]:
    present = list(node.GetSegmentation().GetSegmentIDs())
    unknown = sorted(set(segment_ids or ()) - set(present))
    if unknown:
        raise InputError(f'Segmentation "{node.GetName()}" has no segment {unknown[0]}; refresh the list.')
    return [i for i in present if segment_ids is None or i in segment_ids]


def _pack(layer: LabelLayer, value: int, box: Box) -> tuple[Box, np.ndarray]:
    return box.shift(*layer.box.start), pack(layer.labels[box.slices] == value)
