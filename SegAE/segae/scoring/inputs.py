"""From masks to prepared slices: orient, choose, cut windows; one segment at a time, many slices at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segae.data import Box, Segment, Volume
from segae.geometry.grid import Grid
from segae.geometry.orientation import (
    orient_array,
    orient_box,
    orient_grid,
    slice_axis_in_file,
    slice_index_in_file,
    slice_index_in_orientation,
)
from segae.models.spec import ModelSpec
from segae.scoring.slices import choose_slices
from segae.scoring.windows import crop_windows, mask_boxes, network_input

_TORCH_TYPES = (np.uint8, np.int16, np.int32, np.float32)
CHUNK = 32  # slices of one segment that are prepared together


@dataclass(frozen=True, eq=False)
class OrientedCT:
    """The CT in the network's axis order: `voxels` (K, H, W) on the scoring device, axial slices first."""

    voxels: Tensor
    grid: Grid
    file_grid: Grid
    code: str

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Millimetres between rows and between columns."""
        return (float(self.grid.spacing[1]), float(self.grid.spacing[0]))

    @property
    def slice_axis(self) -> str:
        """The file's axis, "i", "j" or "k", along which slices are counted."""
        return slice_axis_in_file(self.file_grid, self.code)

    def file_slice(self, k: int) -> int:
        """Index of oriented slice `k` in the file."""
        return slice_index_in_file(k, self.file_grid, self.code)


@dataclass(frozen=True, eq=False)
class PreparedSlices:
    """Some slices of one segment.

    `images` (n, channels, S, S); `slices`: indices in the file; `centres` (n, 3): RAS mm of the middle of the
    mask's box; `areas_mm2` (n,).
    """

    segment: Segment
    images: Tensor
    slices: list[int]
    centres: np.ndarray
    areas_mm2: np.ndarray

    def part(self, which: slice) -> PreparedSlices:
        """Some of these slices."""
        return PreparedSlices(
            self.segment, self.images[which], self.slices[which], self.centres[which], self.areas_mm2[which]
        )


def orient_ct(volume: Volume, code: str, device: torch.device) -> OrientedCT:
    """Bring the CT into the axis order `code` and onto the scoring device, in its own number type where torch
    has it, else in float32."""
    voxels = orient_array(volume.voxels, volume.grid, code)
    # torch wants arrays that it may write to, though nothing here does.
    voxels = np.require(voxels, voxels.dtype if voxels.dtype in _TORCH_TYPES else np.float32, ["C", "W"])
    return OrientedCT(torch.from_numpy(voxels).to(device), orient_grid(volume.grid, code), volume.grid, code)


def slice_count(segment: Segment, code: str, n: int | None, only: Collection[int] | None = None) -> int:
    """How many slices of the segment will be scored."""
    return len(_chosen(segment, code, _slice_areas(_oriented_voxels(segment, code)), n, only))


def prepare(
    ct: OrientedCT,
    segment: Segment,
    spec: ModelSpec,
    n: int | None = None,
    only: Collection[int] | None = None,
) -> Iterator[PreparedSlices]:
    """The network's input for the chosen slices of a segment that lies on the CT's grid, in parts of at most
    `CHUNK` slices: `n` evenly spread ones (None: all), or those of `only` (indices in the file) that the mask
    reaches. Only the rows and columns that windows can reach are copied."""
    voxels = _oriented_voxels(segment, ct.code)
    box = orient_box(segment.box, ct.file_grid, ct.code)
    areas = _slice_areas(voxels)
    chosen = _chosen(segment, ct.code, areas, n, only)
    pixel_area = ct.pixel_mm[0] * ct.pixel_mm[1]
    for start in range(0, len(chosen), CHUNK):
        local = chosen[start : start + CHUNK]
        masks = torch.from_numpy(np.ascontiguousarray(voxels[local])).to(ct.voxels.device)
        boxes = mask_boxes(masks) + torch.tensor(
            [box[1].start, box[1].start, box[2].start, box[2].start], device=masks.device
        )
        k = local + box[0].start
        yield PreparedSlices(
            segment,
            _images(ct, k, masks, boxes, box, spec),
            [ct.file_slice(int(index)) for index in k],
            _centres(ct.grid, k, boxes.cpu().numpy()),
            areas[local] * pixel_area,
        )


def _chosen(
    segment: Segment, code: str, areas: np.ndarray, n: int | None, only: Collection[int] | None
) -> np.ndarray:
    """Slices to score, ascending, counted in the segment's oriented box."""
    if only is None:
        return choose_slices(areas, n)
    first = orient_box(segment.box, segment.grid, code)[0].start
    asked = [slice_index_in_orientation(index, segment.grid, code) - first for index in only]
    filled = choose_slices(areas)
    return filled[np.isin(filled, asked)]


def _oriented_voxels(segment: Segment, code: str) -> np.ndarray:
    return orient_array(segment.voxels(), segment.grid, code)


def _slice_areas(voxels: np.ndarray) -> np.ndarray:
    """Pixels per slice (K,)."""
    return np.count_nonzero(voxels.reshape(len(voxels), -1), axis=1)


def _images(ct: OrientedCT, k: np.ndarray, masks: Tensor, boxes: Tensor, box: Box, spec: ModelSpec) -> Tensor:
    """Cut from the part of the slices that the windows reach; the masks are put back in their place there."""
    height, width = ct.voxels.shape[1:]
    windows = crop_windows(boxes, spec.crop, height, width, ct.pixel_mm)
    rows, columns = windows.hull(height, width, spec.input_size)
    slices = ct.voxels[torch.from_numpy(k).to(ct.voxels.device), rows, columns]
    placed = torch.zeros_like(slices, dtype=torch.bool)
    top, left = max(rows.start, box[1].start), max(columns.start, box[2].start)
    bottom, right = min(rows.stop, box[1].stop), min(columns.stop, box[2].stop)
    placed[:, top - rows.start : bottom - rows.start, left - columns.start : right - columns.start] = masks[
        :, top - box[1].start : bottom - box[1].start, left - box[2].start : right - box[2].start
    ]
    return network_input(slices, placed, windows.moved(rows.start, columns.start), spec)


def _centres(grid: Grid, k: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """RAS mm (n, 3) of the middle of each mask's box in its slice."""
    row, column = boxes[:, :2].mean(axis=1), boxes[:, 2:].mean(axis=1)
    return grid.world(np.stack((column, row, k), axis=1))
