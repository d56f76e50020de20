"""Position features: numbers that tell a network where in the body a crop lies and how large it is.

A crop does not show on which side of the body it was cut, nor at which height. The middle of the crop
relative to the body's outline says the first; how much lung and bone the slices above and below hold says
much of the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from segae.inputs.crops import Crops

OFFSETS_MM = (-60.0, -30.0, 0.0, 30.0, 60.0)
PLACE_FEATURES = 6  # about the crop and its place in the body; the rest are about the slices round it
POSITION_FEATURES = PLACE_FEATURES + 3 * len(OFFSETS_MM)
_BODY_HU, _LUNG_HU, _BONE_HU = -300.0, -500.0, 200.0
_STEP = 4  # pixels; outlines need no more
_QUANTILE = 0.03  # of the body's pixels on either side do not count: a table, an arm


@dataclass(frozen=True, eq=False)
class BodyOutline:
    """The patient's outline and tissue in each slice of a stack (K of them). `box` (K, 4): first and last
    row, first and last column in pixels; `profile` (K, 3): share of lung, share of bone, and size of the body
    on scales on which they spread over about -1..1. Both on the CPU."""

    box: Tensor
    profile: Tensor


def body_outline(voxels: Tensor, spacing: Sequence[float]) -> BodyOutline:
    """The outline in `voxels` (K, H, W) in HU, `spacing` millimetres apart (slices, rows, columns). A slice
    without body counts as one that is body all over."""
    boxes, profiles = [], []
    for slab in voxels.split(32):
        coarse = slab[:, ::_STEP, ::_STEP]
        body = coarse > _BODY_HU
        box = torch.cat((_quantiles(body.sum(dim=2)), _quantiles(body.sum(dim=1))), dim=1) * _STEP
        boxes.append(box)
        inside = _inside(box / _STEP, coarse.shape[1], coarse.shape[2])
        room = inside.sum(dim=(1, 2)).clamp(min=1)
        lung = ((coarse < _LUNG_HU) & inside).sum(dim=(1, 2)) / room
        bone = ((coarse > _BONE_HU) & inside).sum(dim=(1, 2)) / room
        area = body.sum(dim=(1, 2)).clamp(min=1) * (_STEP**2 * spacing[1] * spacing[2])
        profiles.append(
            torch.stack(((lung - 0.2) / 0.2, (bone - 0.05) / 0.05, (area / 60_000).log()), 1).clamp(-2, 2)
        )
    return BodyOutline(torch.cat(boxes).cpu(), torch.cat(profiles).cpu())


def position_features(
    crops: Crops, mask_pixels: Tensor, slices: Tensor, body: BodyOutline, spacing: Sequence[float]
) -> Tensor:
    """The numbers (B, POSITION_FEATURES) for crops in slices number `slices` (B,) of a stack.

    `mask_pixels` (B,): pixels of the slice that the mask has there; `spacing`: millimetres between slices,
    rows and columns of the stack.
    """
    mm = torch.tensor(tuple(spacing[1:]), dtype=torch.float32, device=crops.start.device)
    length_mm = (crops.length * mm).amax(dim=1)
    share = mask_pixels / crops.length.prod(dim=1).clamp(min=1)
    box = body.box[slices].float()
    first, last = box[:, [0, 2]], box[:, [1, 3]]
    half = ((last - first) / 2).clamp(min=1)
    place = ((crops.middle - (first + last) / 2) / half).clamp(-1.5, 1.5)
    size = (2 * half * mm / torch.tensor((250.0, 350.0), device=mm.device)).log().clamp(-2, 2)
    crop = torch.stack(((length_mm / 150).log(), (share + 0.002).log() / 3 + 1), dim=1)
    return torch.cat((crop, place, size, _profiles(slices, body, spacing[0])), dim=1)


def _profiles(slices: Tensor, body: BodyOutline, slice_mm: float) -> Tensor:
    """The profile at each of `OFFSETS_MM` (B, 3 * offsets); beyond the scan's ends its last slice counts."""
    steps = torch.tensor([round(mm / slice_mm) for mm in OFFSETS_MM], device=slices.device)
    reached = (slices[:, None] + steps).clamp(0, len(body.profile) - 1)
    return body.profile[reached].flatten(1)


def _quantiles(counts: Tensor) -> Tensor:
    """First and last index (K, 2) between which all but `_QUANTILE` of the counts (K, N) lie on either
    side."""
    sums = counts.cumsum(dim=1).float()
    total = sums[:, -1:]
    first = (sums <= _QUANTILE * total).sum(dim=1)
    last = (sums < (1 - _QUANTILE) * total).sum(dim=1)
    empty = total[:, 0] == 0
    n = counts.shape[1]
    return torch.stack((first.masked_fill(empty, 0), last.clamp(max=n - 1).masked_fill(empty, n - 1)), dim=1)


def _inside(box: Tensor, height: int, width: int) -> Tensor:
    rows, columns = (torch.arange(n, device=box.device) for n in (height, width))
    in_rows = (rows >= box[:, :1]) & (rows <= box[:, 1:2])
    return in_rows[:, :, None] & ((columns >= box[:, 2:3]) & (columns <= box[:, 3:]))[:, None, :]
