"""From masks to prepared slices: orient, choose, cut crops; many slices at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from segae.data import Segment, Volume
from segae.geometry.grid import Grid
from segae.geometry.orientation import (
    orient_array,
    orient_box,
    orient_grid,
    slice_axis_in_file,
    slice_index_in_file,
    slice_index_in_orientation,
)
from segae.inputs.crops import Windows, crop_windows, mask_boxes, network_input, reach
from segae.inputs.position import Body, context_numbers, measure_body
from segae.inputs.slices import (
    EVERYWHERE_MM,
    STEP_MM,
    Wanted,
    choose_slices,
    slices_everywhere,
    slices_to_search,
)
from segae.models.spec import ModelSpec

_TORCH_TYPES = (np.uint8, np.int16, np.int32, np.float32)
CHUNK = 32  # slices of one segment that are prepared together


@dataclass(frozen=True, eq=False)
class OrientedCT:
    """The CT in the network's axis order: `voxels` (K, H, W) on the scoring device, axial slices first.
    `body` is measured for the networks that are told where in the body a window lies."""

    voxels: Tensor
    grid: Grid
    file_grid: Grid
    code: str
    body: Body | None = None

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Millimetres between rows and between columns."""
        return (float(self.grid.spacing[1]), float(self.grid.spacing[0]))

    @property
    def slice_mm(self) -> float:
        """Millimetres between slices."""
        return float(self.grid.spacing[2])

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

    `images` (n, channels, S, S), cut from `windows`; `oriented`: indices of the slices in the network's axis
    order, `slices`: in the file; `centres` (n, 3): RAS mm of the middle of the
    window's box; `areas_mm2` (n,) of the mask. `context` (n, CONTEXT) for the networks that take it.
    `pixels_mm2` (n,): area of one of the window's pixels. `searched_mm` (n,): 0 for a slice with mask, else
    how much of the z axis the slice without mask stands for.
    """

    segment: Segment
    images: Tensor
    windows: Windows
    oriented: list[int]
    slices: list[int]
    centres: np.ndarray
    areas_mm2: np.ndarray
    context: Tensor | None
    pixels_mm2: np.ndarray
    searched_mm: np.ndarray

    def part(self, which: slice) -> PreparedSlices:
        """Some of these slices."""
        return PreparedSlices(
            self.segment,
            self.images[which],
            self.windows.part(which),
            self.oriented[which],
            self.slices[which],
            self.centres[which],
            self.areas_mm2[which],
            None if self.context is None else self.context[which],
            self.pixels_mm2[which],
            self.searched_mm[which],
        )


def orient_ct(volume: Volume, code: str, device: torch.device, *, with_body: bool = False) -> OrientedCT:
    """Bring the CT into the axis order `code` and onto the scoring device, in its own number type where torch
    has it, else in float32; `with_body` measures the patient's outline too."""
    voxels = orient_array(volume.voxels, volume.grid, code)
    # torch wants arrays that it may write to, though nothing here does.
    voxels = np.require(voxels, voxels.dtype if voxels.dtype in _TORCH_TYPES else np.float32, ["C", "W"])
    ct = OrientedCT(torch.from_numpy(voxels).to(device), orient_grid(volume.grid, code), volume.grid, code)
    return replace(ct, body=measure_body(ct.voxels, ct.pixel_mm, ct.slice_mm)) if with_body else ct


def slice_count(
    ct: OrientedCT,
    segment: Segment,
    spec: ModelSpec,
    n: int | None = None,
    only: Collection[int] | None = None,
) -> int:
    """How many slices of the segment `prepare` will give."""
    areas = _slice_areas(_oriented_voxels(segment, ct.code))
    return len(_wanted(ct, segment, areas, spec, n, only).slices)


def prepare(
    ct: OrientedCT,
    segment: Segment,
    spec: ModelSpec,
    n: int | None = None,
    only: Collection[int] | None = None,
    step_mm: float = STEP_MM,
) -> Iterator[PreparedSlices]:
    """The network's input for the chosen slices of a segment that lies on the CT's grid, in parts of at most
    `CHUNK` slices: `n` evenly spread ones (None: all), or those of `only` (indices in the file) that the mask
    reaches. When all are asked for and the network can look for organs, slices without mask follow
    (`segae.inputs.slices`), beyond the ends every `step_mm`. Only the rows and columns that
    windows can reach are copied."""
    voxels = _oriented_voxels(segment, ct.code)
    box = orient_box(segment.box, ct.file_grid, ct.code)
    areas = _slice_areas(voxels)
    wanted = _wanted(ct, segment, areas, spec, n, only, step_mm)
    pixel_area = ct.pixel_mm[0] * ct.pixel_mm[1]
    for start in range(0, len(wanted.slices), CHUNK):
        k, near, searched = (values[start : start + CHUNK] for values in wanted.columns)
        masks = torch.from_numpy(np.ascontiguousarray(voxels[near])).to(ct.voxels.device)
        boxes = mask_boxes(masks) + torch.tensor(
            [box[1].start, box[1].start, box[2].start, box[2].start], device=masks.device
        )
        masks[torch.from_numpy(searched > 0)] = False
        windows = crop_windows(boxes, spec.crop, ct.voxels.shape[1], ct.voxels.shape[2], ct.pixel_mm)
        yield PreparedSlices(
            segment,
            images_of(ct, k, masks, (box[1], box[2]), windows, spec),
            windows,
            k.tolist(),
            [ct.file_slice(int(index)) for index in k],
            _centres(ct.grid, k, boxes.cpu().numpy()),
            np.where(searched > 0, 0, areas[near]) * pixel_area,
            context_for(ct, k, masks, windows, spec),
            window_pixels_mm2(ct, windows, spec),
            searched,
        )


def context_for(
    ct: OrientedCT, k: np.ndarray, masks: Tensor, windows: Windows, spec: ModelSpec
) -> Tensor | None:
    """The numbers (n, CONTEXT) that a network takes beside its images, None for one that takes none."""
    if not spec.context:
        return None
    assert ct.body is not None, "orient the CT with its body"
    return context_numbers(windows, masks, torch.from_numpy(k).to(masks.device), ct.body)


def window_pixels_mm2(ct: OrientedCT, windows: Windows, spec: ModelSpec) -> np.ndarray:
    """Area (n,) of one of each window's pixels."""
    area = windows.length.prod(dim=1) * (ct.pixel_mm[0] * ct.pixel_mm[1]) / spec.input_size**2
    return area.cpu().numpy().astype(float)


def _wanted(
    ct: OrientedCT,
    segment: Segment,
    areas: np.ndarray,
    spec: ModelSpec,
    n: int | None,
    only: Collection[int] | None,
    step_mm: float = STEP_MM,
) -> Wanted:
    first = orient_box(segment.box, ct.file_grid, ct.code)[0].start
    chosen = _chosen(segment, ct.code, areas, n, only)
    filled = Wanted(chosen + first, chosen, np.zeros(len(chosen)))
    if n is not None or only is not None or not spec.predicts_areas:
        return filled
    return filled.followed_by(slices_to_search(areas, first, len(ct.voxels), ct.slice_mm, step_mm))


def neighbour_slices(
    slices: np.ndarray, count: int, neighbours_mm: Sequence[float], slice_mm: float
) -> np.ndarray:
    """Each of `slices` (n,) and its neighbours along z (n, 1 + neighbours) in a scan of `count` slices; at
    the ends the last slice stands for those that are not there."""
    steps = [0, *(round(mm / slice_mm) for mm in neighbours_mm)]
    return np.clip(slices[:, None] + np.array(steps), 0, count - 1)


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


def images_of(
    ct: OrientedCT, k: np.ndarray, masks: Tensor, box: tuple[slice, slice], windows: Windows, spec: ModelSpec
) -> Tensor:
    """Images (n, channels, S, S) of slices `k`; `masks` (n, h, w) fill the rows and columns `box`. Cut from
    the part of the slices that the windows reach; the masks are put back in their place there."""
    height, width = ct.voxels.shape[1:]
    rows, columns = reach(windows, spec).hull(height, width, spec.input_size)
    near = neighbour_slices(k, len(ct.voxels), spec.neighbours_mm, ct.slice_mm)
    slices = ct.voxels[torch.from_numpy(near).to(ct.voxels.device), rows, columns]
    placed = torch.zeros_like(slices[:, 0], dtype=torch.bool)
    top, left = max(rows.start, box[0].start), max(columns.start, box[1].start)
    bottom, right = min(rows.stop, box[0].stop), min(columns.stop, box[1].stop)
    placed[:, top - rows.start : bottom - rows.start, left - columns.start : right - columns.start] = masks[
        :, top - box[0].start : bottom - box[0].start, left - box[1].start : right - box[1].start
    ]
    return network_input(slices, placed, windows.moved(rows.start, columns.start), spec)


def _centres(grid: Grid, k: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """RAS mm (n, 3) of the middle of each mask's box in its slice."""
    row, column = boxes[:, :2].mean(axis=1), boxes[:, 2:].mean(axis=1)
    return grid.world(np.stack((column, row, k), axis=1))


def empty_count(ct: OrientedCT) -> int:
    """How many slices `prepare_empty` gives."""
    return len(slices_everywhere(len(ct.voxels), ct.slice_mm)[0])


def prepare_empty(
    ct: OrientedCT, segment: Segment, spec: ModelSpec, step_mm: float = EVERYWHERE_MM
) -> Iterator[PreparedSlices]:
    """Slices spread over the whole scan, `step_mm` apart (0: all), without mask."""
    slices, thickness = slices_everywhere(len(ct.voxels), ct.slice_mm, step_mm)
    for start in range(0, len(slices), CHUNK):
        k = slices[start : start + CHUNK]
        windows = body_windows(ct, k)
        masks = torch.zeros((len(k), *ct.voxels.shape[1:]), dtype=torch.bool, device=ct.voxels.device)
        middle = (windows.start + windows.length / 2).cpu().numpy()
        whole = (slice(0, masks.shape[1]), slice(0, masks.shape[2]))
        yield PreparedSlices(
            segment,
            images_of(ct, k, masks, whole, windows, spec),
            windows,
            k.tolist(),
            [ct.file_slice(int(index)) for index in k],
            ct.grid.world(np.stack((middle[:, 1], middle[:, 0], k), axis=1)),
            np.zeros(len(k)),
            context_for(ct, k, masks, windows, spec),
            window_pixels_mm2(ct, windows, spec),
            np.full(len(k), thickness),
        )


def body_windows(ct: OrientedCT, k: np.ndarray) -> Windows:
    """A square round the whole body in each of some slices."""
    assert ct.body is not None, "orient the CT with its body"
    box = ct.body.box[torch.from_numpy(k).to(ct.voxels.device)].float()
    spacing = torch.tensor(ct.pixel_mm, device=box.device)
    first, last = box[:, [0, 2]], box[:, [1, 3]] + 1
    length = ((last - first) * spacing).amax(dim=1, keepdim=True) / spacing
    return Windows((first + last - length) / 2, length, closed=False)


def batches(parts: Iterator[PreparedSlices], size: int) -> Iterator[list[PreparedSlices]]:
    """Groups of parts of `size` slices together; a part that does not fit is split, the last group may be
    smaller."""
    batch: list[PreparedSlices] = []
    filled = 0
    for part in parts:
        while filled + len(part.slices) >= size:
            room = size - filled
            yield [*batch, part.part(slice(0, room))]
            part, batch, filled = part.part(slice(room, None)), [], 0
        if part.slices:
            batch.append(part)
            filled += len(part.slices)
    if batch:
        yield batch
