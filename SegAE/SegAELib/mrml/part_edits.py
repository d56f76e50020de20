"""Edits of a segment by a part that the model predicts to be missing or too much."""

from __future__ import annotations

import numpy as np

from segae.data import Segment
from segae.errors import InputError
from segae.geometry.box import Box
from SegAELib.mrml.binding import SegmentationNode, VolumeNode, slicer
from SegAELib.mrml.matrices import between_nodes, ijk_to_node, to_vtk, volume_grid
from SegAELib.mrml.overlay_node import set_voxels
from SegAELib.mrml.scene_reader import read_masks


def add_part(node: SegmentationNode, volume: VolumeNode, segment_id: str, part: Segment) -> int:
    """Add the voxels of `part` to a segment; returns how many were new. Others keep theirs: where segments
    may not overlap, that is for the editor to say.

    `part` lies on the grid of `volume`, on whose voxels the segment is written. Raises `InputError` for nodes
    that cannot be used, an unknown segment, and a part of another grid.
    """
    return _change(node, volume, segment_id, part, True)


def remove_part(node: SegmentationNode, volume: VolumeNode, segment_id: str, part: Segment) -> int:
    """Take the voxels of `part` out of a segment; returns how many went. Else as `add_part`."""
    return _change(node, volume, segment_id, part, False)


def only_slice(part: Segment, axis: int, index: int) -> Segment:
    """What lies of a part in slice `index` along array axis `axis` (0, 1, 2 = k, j, i)."""
    mask = np.zeros(part.grid.shape, bool)
    extent = part.box[axis]
    if extent.start <= index < extent.stop:
        here = (slice(None),) * axis + (index - extent.start,)
        target = mask[part.box.slices]
        target[here] = part.voxels()[here]
    return Segment.from_mask(part.name, part.structure, mask, part.grid, part.reason, part.source)


def without(part: Segment, other: Segment) -> Segment:
    """The voxels of a part that are not in another one on the same grid."""
    mask = part.full_mask()
    mask[other.box.slices] &= ~other.voxels()
    return Segment.from_mask(part.name, part.structure, mask, part.grid, part.reason, part.source)


def _change(node: SegmentationNode, volume: VolumeNode, segment_id: str, part: Segment, value: bool) -> int:
    if volume_grid(volume).size != part.grid.size:
        raise InputError(f'What was found does not lie on "{volume.GetName()}"; look for it again.')
    mask = read_masks(node, volume, [segment_id])[segment_id].full_mask()
    inside = part.voxels() if not part.is_empty else np.zeros((0, 0, 0), bool)
    target = mask[part.box.slices]
    changed = int(np.count_nonzero(inside & (target != value)))
    if changed:
        target[inside] = value
        _write(node, volume, segment_id, mask)
    return changed


def _write(node: SegmentationNode, volume: VolumeNode, segment_id: str, mask: np.ndarray) -> None:
    """Replace the voxels of a segment by a mask (nk, nj, ni) on the volume, under the transforms of both."""
    image = slicer.vtkOrientedImageData()
    image.SetImageToWorldMatrix(to_vtk(between_nodes(volume, node) @ ijk_to_node(volume)))
    box = Box.of_mask(mask)
    set_voxels(image, box, mask[box.slices].astype(np.uint8))
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetBinaryLabelmapToSegment(image, node, segment_id, logic.MODE_REPLACE)
