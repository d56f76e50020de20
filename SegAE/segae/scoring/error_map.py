"""Which pixels of a mask are wrong, from the networks that say where the organ is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from segae.data import Segment
from segae.errors import ModelError
from segae.geometry.orientation import orient_array, orient_box
from segae.inputs.build import mask_channel
from segae.inputs.crops import Crops
from segae.inputs.prepare import PreparedSlices, prepare, prepare_empty
from segae.inputs.spec import InputSpec
from segae.inputs.stack import CTStack
from segae.scoring.scorer import Scorer

LIKELY = 0.5  # from this probability on a pixel counts as organ


@dataclass(frozen=True, eq=False)
class ErrorMap:
    """Predicted errors of one segment, on its own grid: voxels of the organ that the mask leaves out, and
    voxels of the mask that are not the organ."""

    missing: Segment
    extra: Segment


def locate_errors(
    scorer: Scorer, stack: CTStack, segment: Segment, slices: Collection[int] | None = None
) -> ErrorMap:
    """The errors of a segment that lies on the CT's grid, in `slices` (indices in the file; None: all, and
    those beyond its ends and in its gaps where the organ may go on). Of an empty mask the whole organ is
    missing, and looked for in the whole scan.

    Raises `ModelError` when the model does not say where the organ is, or cannot look for one without mask.
    """
    spec = scorer.model.spec
    if not spec.predicts_areas:
        raise ModelError(
            f'Model "{spec.name}" gives a score and no map of errors; choose one of the architecture '
            "segae-dense."
        )
    if segment.is_empty and not spec.input.position_features:
        raise ModelError(f'Model "{spec.name}" cannot look for an organ without a mask; draw a part of it.')
    assert segment.structure is not None
    missing, extra = (np.zeros(segment.grid.shape, bool) for _ in range(2))
    views = [orient_array(array, segment.grid, stack.orientation) for array in (missing, extra)]
    own = _own_slices(segment, stack)
    for part in _every_slice(stack, segment, spec.input, slices):
        organ = _organ(scorer, part)
        for place, k in enumerate(part.oriented):
            box, chances = _on_slice(organ[place], part.crops, place, stack)
            mask, likely = own(k)[box], chances >= LIKELY
            views[0][k][box] |= likely & ~mask
            views[1][k][box] |= ~likely & mask
    name, structure = segment.name, segment.structure
    return ErrorMap(
        Segment.from_mask(f"{name}: missing", structure, missing, segment.grid, "predicted by the model"),
        Segment.from_mask(f"{name}: extra", structure, extra, segment.grid, "predicted by the model"),
    )


def locate_errors_in(
    scorer: Scorer, stack: CTStack, segments: Iterable[Segment], slices: Mapping[str, Collection[int]]
) -> dict[str, tuple[Segment, Segment]]:
    """What is missing and what is extra, by name of the segment, in some slices (indices in the file) of the
    segments that `slices` names; raises like `locate_errors`."""
    located = {
        one.name: locate_errors(scorer, stack, one, slices[one.name])
        for one in segments
        if one.name in slices
    }
    return {name: (errors.missing, errors.extra) for name, errors in located.items()}


def _every_slice(
    stack: CTStack, segment: Segment, spec: InputSpec, slices: Collection[int] | None
) -> Iterator[PreparedSlices]:
    if segment.is_empty:
        return prepare_empty(stack, segment, spec, step_mm=0.0)
    return prepare(stack, segment, spec, only=slices, search=True, step_mm=0.0)


def _organ(scorer: Scorer, part: PreparedSlices) -> Tensor:
    """Probability (n, S, S) of the organ in each pixel of the crops."""
    output = scorer.predict(part.input)
    assert output.error_map is not None
    mask = mask_channel(part.input.images, scorer.model.spec.input).cpu()
    # Missing is p (1 - m) and extra is (1 - p) m, so their difference is p - m.
    return mask + output.error_map[:, 0] - output.error_map[:, 1]


def _on_slice(
    organ: Tensor, crops: Crops, place: int, stack: CTStack
) -> tuple[tuple[slice, slice], np.ndarray]:
    """Rows and columns of the slice that lie in a crop, and the probabilities there."""
    start, length = crops.start[place].cpu(), crops.length[place].cpu()
    box, axes = [], []
    for axis, size in enumerate(stack.voxels.shape[1:]):
        first = max(0, int(torch.ceil(start[axis] - 0.5)))
        last = min(size, int(torch.floor(start[axis] + length[axis] - 0.5)) + 1)
        box.append(slice(first, max(first, last)))
        axes.append((torch.arange(first, max(first, last)) + 0.5 - start[axis]) / length[axis] * 2 - 1)
    grid = torch.stack(torch.meshgrid(axes[1], axes[0], indexing="xy"), dim=-1)
    sampled = functional.grid_sample(
        organ[None, None], grid[None], align_corners=False, padding_mode="border"
    )
    return (box[0], box[1]), sampled[0, 0].numpy()


def _own_slices(segment: Segment, stack: CTStack) -> Callable[[int], np.ndarray]:
    """A function that gives the mask (H, W) in an oriented slice."""
    voxels = orient_array(segment.voxels(), segment.grid, stack.orientation)
    box = orient_box(segment.box, segment.grid, stack.orientation)

    def at(k: int) -> np.ndarray:
        mask = np.zeros(tuple(stack.voxels.shape[1:]), bool)
        if box[0].start <= k < box[0].stop:
            mask[box[1:]] = voxels[k - box[0].start]
        return mask

    return at
