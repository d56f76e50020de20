"""Numbers that tell a network where in the body a window lies and how large it is.

A crop does not show on which side of the body it was cut, nor at which height. The middle of the mask
relative to the body's outline says the first; how much lung and bone the slices above and below hold says
much of the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from segae.inputs.crops import Windows

OFFSETS_MM = (-60.0, -30.0, 0.0, 30.0, 60.0)
PLACE = 6  # numbers about window and place; the rest are about the slices round it
CONTEXT = PLACE + 3 * len(OFFSETS_MM)
_BODY_HU, _LUNG_HU, _BONE_HU = -300.0, -500.0, 200.0
_STEP = 4  # pixels; outlines need no more
_TAIL = 0.03  # of the body's pixels on either side do not count: a table, an arm


@dataclass(frozen=True, eq=False)
class Body:
    """The patient's outline and tissue in each slice (K rows). `box` (K, 4): first and last row, first and
    last column in pixels; `profile` (K, 3): share of lung, share of bone, and size of the body on scales on
    which they spread over about -1..1. `pixel_mm` (rows, columns), `slice_mm`: millimetres."""

    box: Tensor
    profile: Tensor
    pixel_mm: tuple[float, float]
    slice_mm: float


def measure_body(voxels: Tensor, pixel_mm: tuple[float, float], slice_mm: float) -> Body:
    """`voxels` (K, H, W) in HU. A slice without body counts as one that is body all over."""
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
        area = body.sum(dim=(1, 2)).clamp(min=1) * (_STEP**2 * pixel_mm[0] * pixel_mm[1])
        profiles.append(
            torch.stack(((lung - 0.2) / 0.2, (bone - 0.05) / 0.05, (area / 60_000).log()), 1).clamp(-2, 2)
        )
    return Body(torch.cat(boxes), torch.cat(profiles), pixel_mm, slice_mm)


def context_numbers(windows: Windows, masks: Tensor, slices: Tensor, body: Body) -> Tensor:
    """Numbers (B, CONTEXT) for windows round `masks` (B, H, W), both in the coordinates of whole slices or
    moved alike, in slices number `slices` (B,) of the body."""
    spacing = torch.tensor(body.pixel_mm, device=masks.device)
    length_mm = (windows.length * spacing).amax(dim=1)
    share = masks.sum(dim=(1, 2)) / (windows.length.prod(dim=1)).clamp(min=1)
    return context_of(windows.start + windows.length / 2, length_mm, share, slices, body)


def context_of(middle: Tensor, length_mm: Tensor, share: Tensor, slices: Tensor, body: Body) -> Tensor:
    """`middle` (B, 2): row and column of the window's middle in whole slices; `length_mm` (B,): its side;
    `share` (B,) of it that the mask fills."""
    spacing = torch.tensor(body.pixel_mm, device=middle.device)
    box = body.box[slices].float()
    first, last = box[:, [0, 2]], box[:, [1, 3]]
    half = ((last - first) / 2).clamp(min=1)
    place = ((middle - (first + last) / 2) / half).clamp(-1.5, 1.5)
    size = (2 * half * spacing / torch.tensor((250.0, 350.0), device=middle.device)).log().clamp(-2, 2)
    window = torch.stack(((length_mm / 150).log(), (share + 0.002).log() / 3 + 1), dim=1)
    return torch.cat((window, place, size, _profiles(slices, body)), dim=1)


def _profiles(slices: Tensor, body: Body) -> Tensor:
    """The profile at each of `OFFSETS_MM` (B, 3 * offsets); beyond the scan's ends its last slice counts."""
    steps = torch.tensor([round(mm / body.slice_mm) for mm in OFFSETS_MM], device=slices.device)
    reached = (slices[:, None] + steps).clamp(0, len(body.profile) - 1)
    return body.profile[reached].flatten(1)


def _quantiles(counts: Tensor) -> Tensor:
    """First and last index (K, 2) between which all but `_TAIL` of the counts (K, N) lie on either side."""
    sums = counts.cumsum(dim=1).float()
    total = sums[:, -1:]
    first = (sums <= _TAIL * total).sum(dim=1)
    last = (sums < (1 - _TAIL) * total).sum(dim=1)
    empty = total[:, 0] == 0
    n = counts.shape[1]
    return torch.stack((first.masked_fill(empty, 0), last.clamp(max=n - 1).masked_fill(empty, n - 1)), dim=1)


def _inside(box: Tensor, height: int, width: int) -> Tensor:
    rows, columns = (torch.arange(n, device=box.device) for n in (height, width))
    in_rows = (rows >= box[:, :1]) & (rows <= box[:, 1:2])
    return in_rows[:, :, None] & ((columns >= box[:, 2:3]) & (columns <= box[:, 3:]))[:, None, :]
