"""The Dice that a slice's mask has against the truth: of the whole slice, or inside the published crop.

Masks and truths are (B, H, W), everything but 0 belongs to the organ; results are float32 (B,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from segae.scoring.windows import mask_boxes

LEAST_MARGIN = 10  # pixels
_REACH = 256  # pixels; what the published margin leaves of it is split evenly between both sides
_EPSILON = 1e-6

Target = Callable[[Tensor, Tensor, Tensor], Tensor]


def whole_slice_target(masks: Tensor, truths: Tensor, margins: Tensor | None = None) -> Tensor:
    """2 |A and B| / (|A| + |B|) over the whole slice: 1 where both are empty, 0 where one of them is.

    `margins` is not looked at; the two targets are called alike.
    """
    overlap, total = _counts(masks != 0, truths != 0)
    return torch.where(total == 0, torch.ones_like(total), 2 * overlap / total.clamp(min=1))


def published_target(masks: Tensor, truths: Tensor, margins: Tensor) -> Tensor:
    """Dice of what is left after the published crop round the mask, with 1e-6 in the denominator.

    `margins` (B, 2): pixels added above and below, left and right. Truth outside of the crop does not count,
    which flatters masks that are too small: use it to compare with the published figures only.
    """
    masks, truths = masks != 0, truths != 0
    crops = published_crops(mask_boxes(masks), margins, masks.shape[1], masks.shape[2])
    rows, columns = _inside(crops[:, :2], masks.shape[1]), _inside(crops[:, 2:], masks.shape[2])
    inside = rows[:, :, None] & columns[:, None, :]
    overlap, total = _counts(masks & inside, truths & inside)
    return 2 * overlap / (total + _EPSILON)


TARGETS: Mapping[str, Target] = MappingProxyType(
    {"whole_slice": whole_slice_target, "published": published_target}
)


def draw_margins(boxes: Tensor, generator: torch.Generator) -> Tensor:
    """Random margins (B, 2) as in the published training, for boxes (B, 4) as `mask_boxes` returns them.

    Evenly between 10 and half of what is left of 256 pixels, both included.
    """
    extent = torch.stack((boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]), dim=1)
    most = ((_REACH - extent) // 2).clamp(min=LEAST_MARGIN)
    share = torch.rand(most.shape, generator=generator, device=generator.device).to(boxes.device)
    return LEAST_MARGIN + (share * (most - LEAST_MARGIN + 1)).long()


def published_crops(boxes: Tensor, margins: Tensor, height: int, width: int) -> Tensor:
    """First and last row, first and last column (B, 4; ends half-open) of the published crop.

    The box (last row and column included) grows by its margins, then the shorter side grows by half the
    difference at both ends; both times only as far as the slice goes.
    """
    rows = _widened(boxes[:, :2], margins[:, 0], height)
    columns = _widened(boxes[:, 2:], margins[:, 1], width)
    excess = (rows[:, 1] - rows[:, 0]) - (columns[:, 1] - columns[:, 0])
    rows = _widened(rows, (-excess).clamp(min=0) // 2, height)
    columns = _widened(columns, excess.clamp(min=0) // 2, width)
    return torch.cat((rows, columns), dim=1)


def _widened(ends: Tensor, by: Tensor, size: int) -> Tensor:
    return torch.stack(((ends[:, 0] - by).clamp(min=0), (ends[:, 1] + by).clamp(max=size)), dim=1)


def _inside(ends: Tensor, size: int) -> Tensor:
    """(B, size): which rows or columns lie between the ends (B, 2)."""
    index = torch.arange(size, device=ends.device)
    return (index >= ends[:, :1]) & (index < ends[:, 1:])


def _counts(masks: Tensor, truths: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels that both have, and pixels of both added up."""
    overlap = (masks & truths).sum(dim=(1, 2))
    return overlap.float(), (masks.sum(dim=(1, 2)) + truths.sum(dim=(1, 2))).float()
