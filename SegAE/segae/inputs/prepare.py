"""From the masks of a case to prepared slices: choose slices, place crops, build the input."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segae.data import Segment
from segae.geometry.orientation import orient_array, orient_box, slice_index_in_orientation
from segae.inputs.build import ModelInput, model_input
from segae.inputs.crops import Crops, crops_around, mask_boxes
from segae.inputs.slices import (
    EVERYWHERE_MM,
    STEP_MM,
    SlicesToScore,
    choose_slices,
    slices_everywhere,
    slices_to_search,
)
from segae.inputs.spec import InputSpec
from segae.inputs.stack import CTStack

CHUNK = 32  # slices of one segment that are prepared together


@dataclass(frozen=True, eq=False)
class PreparedSlices:
    """Some slices of one segment (n of them), ready for the network.

    `input` shows what lies in `crops`. `oriented`: indices of the slices in the stack, `slices`: in the file;
    `centres` (n, 3): RAS mm of the middle of the mask's box; `areas_mm2` (n,) of the mask; `pixels_mm2` (n,):
    area of one of the crop's pixels. `searched_mm` (n,): 0 for a slice with mask, else how much of the z axis
    the slice without mask stands for.
    """

    segment: Segment
    input: ModelInput
    crops: Crops
    oriented: list[int]
    slices: list[int]
    centres: np.ndarray
    areas_mm2: np.ndarray
    pixels_mm2: np.ndarray
    searched_mm: np.ndarray

    def __len__(self) -> int:
        return len(self.slices)

    def __getitem__(self, which: slice) -> PreparedSlices:
        return PreparedSlices(
            self.segment,
            self.input[which],
            self.crops[which],
            self.oriented[which],
            self.slices[which],
            self.centres[which],
            self.areas_mm2[which],
            self.pixels_mm2[which],
            self.searched_mm[which],
        )


def slice_count(
    stack: CTStack,
    segment: Segment,
    n: int | None = None,
    only: Collection[int] | None = None,
    *,
    search: bool,
) -> int:
    """How many slices of the segment `prepare` will give."""
    areas = _slice_areas(_oriented_voxels(segment, stack.orientation))
    return len(_slices_to_score(stack, segment, areas, n, only, search, STEP_MM).slices)


def prepare(
    stack: CTStack,
    segment: Segment,
    spec: InputSpec,
    n: int | None = None,
    only: Collection[int] | None = None,
    *,
    search: bool = False,
    step_mm: float = STEP_MM,
) -> Iterator[PreparedSlices]:
    """The chosen slices of a segment that lies on the CT's grid, in parts of at most `CHUNK` slices.

    `n` evenly spread ones (None: all), or those of `only` (indices in the file) that the mask reaches. With
    `search`, when all are wanted, slices without mask follow in which the organ may go on
    (`segae.inputs.slices`), beyond the ends every `step_mm`. Only the rows and columns that crops can reach
    are copied.
    """
    voxels = _oriented_voxels(segment, stack.orientation)
    box = orient_box(segment.box, stack.file_grid, stack.orientation)
    areas = _slice_areas(voxels)
    chosen = _slices_to_score(stack, segment, areas, n, only, search, step_mm)
    height, width = stack.voxels.shape[1:]
    corner = torch.tensor([box[1].start, box[1].start, box[2].start, box[2].start])
    for start in range(0, len(chosen.slices), CHUNK):
        k, near, searched = (values[start : start + CHUNK] for values in chosen.columns)
        masks = torch.from_numpy(np.ascontiguousarray(voxels[near]))
        boxes = mask_boxes(masks) + corner
        masks[torch.from_numpy(searched > 0)] = False
        crops = crops_around(boxes, spec.crop, height, width, stack.spacing[1:])
        middles = torch.stack((boxes[:, :2].double().mean(dim=1), boxes[:, 2:].double().mean(dim=1)), dim=1)
        pixels = np.where(searched > 0, 0, areas[near])
        yield _prepared(stack, segment, spec, k, masks, (box[1], box[2]), crops, middles, pixels, searched)


def empty_count(stack: CTStack) -> int:
    """How many slices `prepare_empty` gives."""
    return len(slices_everywhere(len(stack.voxels), stack.spacing[0])[0])


def prepare_empty(
    stack: CTStack, segment: Segment, spec: InputSpec, step_mm: float = EVERYWHERE_MM
) -> Iterator[PreparedSlices]:
    """Slices spread over the whole scan, `step_mm` apart (0: all), without mask and as wide as the body."""
    slices, thickness = slices_everywhere(len(stack.voxels), stack.spacing[0], step_mm)
    nowhere = (slice(0, 1), slice(0, 1))
    for start in range(0, len(slices), CHUNK):
        k = slices[start : start + CHUNK]
        masks = torch.zeros((len(k), 1, 1), dtype=torch.bool)
        crops, searched = stack.body_crops(k), np.full(len(k), thickness)
        pixels = np.zeros(len(k))
        yield _prepared(stack, segment, spec, k, masks, nowhere, crops, crops.middle, pixels, searched)


def _prepared(
    stack: CTStack,
    segment: Segment,
    spec: InputSpec,
    k: np.ndarray,
    masks: Tensor,
    box: tuple[slice, slice],
    crops: Crops,
    middles: Tensor,
    pixels: np.ndarray,
    searched: np.ndarray,
) -> PreparedSlices:
    """Slices `k` (n,) with `masks` (n, h, w) in rows and columns `box`; `middles` (n, 2): row and column of
    what is looked at; `pixels` (n,): of the mask."""
    assert segment.structure is not None
    row, column = middles.numpy().T
    crop_pixels = crops.length.prod(dim=1) / spec.size**2
    return PreparedSlices(
        segment,
        model_input(stack, k, masks, crops, [segment.structure.index] * len(k), spec, box=box),
        crops,
        k.tolist(),
        [stack.file_slice(int(index)) for index in k],
        stack.grid.world(np.stack((column, row, k), axis=1)),
        pixels * stack.pixel_mm2,
        (crop_pixels * stack.pixel_mm2).numpy().astype(float),
        searched,
    )


def _slices_to_score(
    stack: CTStack,
    segment: Segment,
    areas: np.ndarray,
    n: int | None,
    only: Collection[int] | None,
    search: bool,
    step_mm: float,
) -> SlicesToScore:
    """Slices with mask, ascending, and then those to search; `areas` (K,): pixels in each slice of the
    segment's oriented box."""
    first = orient_box(segment.box, stack.file_grid, stack.orientation)[0].start
    filled = choose_slices(areas, n if only is None else None)
    if only is not None:
        code = stack.orientation
        requested = [slice_index_in_orientation(index, segment.grid, code) - first for index in only]
        filled = filled[np.isin(filled, requested)]
    chosen = SlicesToScore(filled + first, filled, np.zeros(len(filled)))
    if n is not None or only is not None or not search:
        return chosen
    depth, slice_mm = len(stack.voxels), stack.spacing[0]
    return chosen.followed_by(slices_to_search(areas, first, depth, slice_mm, step_mm))


def _oriented_voxels(segment: Segment, code: str) -> np.ndarray:
    return orient_array(segment.voxels(), segment.grid, code)


def _slice_areas(voxels: np.ndarray) -> np.ndarray:
    """Pixels per slice (K,)."""
    return np.count_nonzero(voxels.reshape(len(voxels), -1), axis=1)


def batches(parts: Iterator[PreparedSlices], size: int) -> Iterator[list[PreparedSlices]]:
    """Groups of parts of `size` slices together; a part that does not fit is split, the last group may be
    smaller."""
    batch: list[PreparedSlices] = []
    filled = 0
    for part in parts:
        while filled + len(part) >= size:
            room = size - filled
            yield [*batch, part[:room]]
            part, batch, filled = part[room:], [], 0
        if len(part):
            batch.append(part)
            filled += len(part)
    if batch:
        yield batch
