"""Crops of slices: where they lie round masks, and cutting and resizing them, many slices at once.

Resizing is bilinear with antialiasing, as Pillow's: a triangle filter as wide as the step between output
pixels. It is linear and separable, so that rows are resized first and columns afterwards, each output line a
weighted sum of the few lines of the image that the filter reaches. Crops are placed on the CPU, so that a GPU
is never waited for; slices are cut on their own device. Rows and columns are those of the oriented slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from segae.inputs.spec import CropRule

_AT_ONCE = 2**19  # values of images


@dataclass(frozen=True, eq=False)
class Crops:
    """One crop per slice: `start` (B, 2) and `length` (B, 2) in pixels along rows and columns.

    Fractions and places outside the slice are allowed. `closed`: the filter never looks beyond the crop (the
    published rule); otherwise it sees what lies round it. Outside the slice there is air without mask.
    """

    start: Tensor
    length: Tensor
    closed: bool

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, which: slice | Tensor) -> Crops:
        return Crops(self.start[which], self.length[which], self.closed)

    @classmethod
    def concatenate(cls, parts: Sequence[Crops]) -> Crops:
        """Crops of one kind after each other; at least one part."""
        start, length = (torch.cat([getattr(part, name) for part in parts]) for name in ("start", "length"))
        return cls(start, length, parts[0].closed)

    @property
    def middle(self) -> Tensor:
        """Row and column (B, 2) of each crop's middle."""
        return self.start + self.length / 2

    def moved(self, rows: int, columns: int) -> Crops:
        """The same crops in an image that begins at pixel (rows, columns) of this one."""
        offset = torch.tensor([rows, columns], device=self.start.device)
        return Crops(self.start - offset, self.length, self.closed)

    def enlarged(self, factor: float) -> Crops:
        """Crops `factor` times as long, with the same middles."""
        if factor == 1:
            return self
        return Crops(self.start - self.length * (factor - 1) / 2, self.length * factor, self.closed)

    def hull(self, height: int, width: int, size: int) -> tuple[slice, slice]:
        """Rows and columns of the image that resizing to `size` reads, all crops together; one at least."""
        reach = (self.length / size).clamp(min=1.0)
        low = (self.start - reach).amin(dim=0).floor().long().tolist()
        high = (self.start + self.length + reach).amax(dim=0).ceil().long().tolist()
        return _lines(low[0], high[0], height), _lines(low[1], high[1], width)


def mask_boxes(masks: Tensor) -> Tensor:
    """First and last row, first and last column (B, 4; inclusive) of each mask (B, H, W).

    An empty mask gets the box of all masks of the batch together, and the whole slice when all are empty.
    """
    return torch.cat((_extent(masks.any(dim=2)), _extent(masks.any(dim=1))), dim=1)


def crops_around(boxes: Tensor, rule: CropRule, height: int, width: int, spacing: Sequence[float]) -> Crops:
    """The crops that `rule` places round `boxes` (B, 4; as from `mask_boxes`) in slices of `height` x `width`
    pixels; `spacing`: millimetres between rows and between columns."""
    if rule.kind == "margin":
        return _margin_crops(boxes, rule.pixels, height, width)
    return _context_crops(boxes, rule, spacing)


def square_crops(boxes: Tensor, spacing: Sequence[float]) -> Crops:
    """The smallest squares in millimetres round `boxes` (B, 4), with the same middles."""
    return _context_crops(boxes, CropRule("context"), spacing)


def cut(
    slices: Tensor,
    index: Tensor,
    crops: Crops,
    size: int,
    ranges: Sequence[tuple[float, float]] | None = None,
) -> Tensor:
    """Crops of some of `slices` (N, H, W), on their device, resized to (B, ..., size, size).

    `index` (B, Z): the slices that each of the B crops is cut from. With `ranges` the values are first
    clipped to each range and scaled to 0..1, which gives len(ranges) * Z images for each crop, else Z.
    """
    height, width = slices.shape[1:]
    taps = _Taps.of(crops, size)
    images = torch.empty((len(crops), len(ranges or "1") * index.shape[1], size, size), device=slices.device)
    # A few crops at a time stay in a processor's cache; a GPU rather takes all.
    rows, columns = crops.hull(height, width, size)
    pixels = (rows.stop - rows.start) * (columns.stop - columns.start) * index.shape[1]
    several = max(1, _AT_ONCE // pixels) if slices.device.type == "cpu" else len(crops)
    for start in range(0, len(crops), several):
        here = slice(start, start + several)
        rows, columns = crops[here].hull(height, width, size)
        near = index[here].reshape(-1)
        values = slices[:, rows, columns].index_select(0, near).unflatten(0, (-1, index.shape[1]))
        lines = [taps.lines(axis, here, part, slices.device) for axis, part in enumerate((rows, columns))]
        scaled = [values.float()] if ranges is None else [_scaled(values, *ends) for ends in ranges]
        done = 0
        for one in scaled:
            images[here, done : done + index.shape[1]] = _resized(one, *lines)
            done += index.shape[1]
    return images


def _lines(first: int, last: int, n: int) -> slice:
    """Those of `first`..`last` that an image of `n` lines has; the nearest one when it has none."""
    start = min(max(first, 0), n - 1)
    return slice(start, max(min(last, n), start + 1))


def _extent(hits: Tensor) -> Tensor:
    """First and last index (B, 2) of True in each row of `hits` (B, N)."""
    filled = torch.where(hits.any(dim=1, keepdim=True), hits, hits.any(dim=0, keepdim=True) | ~hits.any())
    first = filled.int().argmax(dim=1)
    last = hits.shape[1] - 1 - filled.flip(1).int().argmax(dim=1)
    return torch.stack((first, last), dim=1)


def _margin_crops(boxes: Tensor, margin: int, height: int, width: int) -> Crops:
    """The published crop: widened by `margin`, the shorter side grown by half the difference, ends
    half-open."""
    r0, r1 = (boxes[:, 0] - margin).clamp(min=0), (boxes[:, 1] + margin).clamp(max=height)
    c0, c1 = (boxes[:, 2] - margin).clamp(min=0), (boxes[:, 3] + margin).clamp(max=width)
    excess = (r1 - r0) - (c1 - c0)
    grow_columns, grow_rows = excess.clamp(min=0) // 2, (-excess).clamp(min=0) // 2
    r0, r1 = (r0 - grow_rows).clamp(min=0), (r1 + grow_rows).clamp(max=height)
    c0, c1 = (c0 - grow_columns).clamp(min=0), (c1 + grow_columns).clamp(max=width)
    start, stop = torch.stack((r0, c0), dim=1).float(), torch.stack((r1, c1), dim=1).float()
    return Crops(start, (stop - start).clamp(min=1), closed=True)


def _context_crops(boxes: Tensor, rule: CropRule, spacing: Sequence[float]) -> Crops:
    low, high = boxes[:, [0, 2]].float(), boxes[:, [1, 3]].float() + 1
    mm = torch.tensor(tuple(spacing), dtype=torch.float32, device=boxes.device)
    side_mm = rule.scale * ((high - low) * mm).amax(dim=1, keepdim=True) + rule.millimetres
    length = side_mm / mm
    return Crops((low + high - length) / 2, length, closed=False)


def _scaled(values: Tensor, low: float, high: float) -> Tensor:
    """`values` clipped to `low`..`high` and scaled to 0..1."""
    if values.dtype == torch.int16 and float(low).is_integer() and float(high).is_integer():
        return values.clamp(int(low), int(high)).sub_(int(low)).float().div_(high - low)
    return (values - low).div_(high - low).clamp_(0, 1)


@dataclass(frozen=True, eq=False)
class _Taps:
    """The pixels that each output pixel of each crop reads, along rows and along columns: the `first` of them
    (B, size), and the `weight` of each (B, size, T)."""

    first: tuple[Tensor, Tensor]
    weight: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, crops: Crops, size: int) -> _Taps:
        """The taps along both axes, in the coordinates of the crops."""
        (rows, row_weight), (columns, column_weight) = (_taps(crops, axis, size) for axis in (0, 1))
        return cls((rows, columns), (row_weight, column_weight))

    def lines(self, axis: int, here: slice, part: slice, device: torch.device) -> tuple[Tensor, Tensor]:
        """Index and weight (b, size, T) of the lines that crops `here` read along `axis`, in an image that
        holds the lines `part`; what lies beyond it weighs nothing."""
        weight = self.weight[axis][here]
        n = part.stop - part.start
        index = self.first[axis][here, :, None] - part.start + torch.arange(weight.shape[2])
        weight = weight * ((index >= 0) & (index < n))
        return index.clamp_(0, n - 1).to(device, non_blocking=True), weight.to(device, non_blocking=True)


def _taps(crops: Crops, axis: int, size: int) -> tuple[Tensor, Tensor]:
    """First pixel (B, size) and weights (B, size, T) along an axis (0 rows, 1 columns)."""
    start, length = crops.start[:, axis, None], crops.length[:, axis, None]
    reach = (length / size).clamp(min=1.0)
    # Centres of the output's pixels from the crop's start, in two parts: one float32 has too few digits.
    centre = (torch.arange(size) + 0.5) * length
    whole = (centre / size).floor()
    fraction = (centre - whole * size) / size
    count = int((2 * reach).ceil().max()) + 1
    first = (start + whole + (fraction - reach - 0.5)).ceil()
    offset = first[:, :, None] + torch.arange(count) - start[:, :, None]
    distance = (offset - whole[:, :, None]).add_((0.5 - fraction)[:, :, None]).abs_()
    weight = distance.div_(-reach[:, :, None]).add_(1).clamp_(min=0)
    if crops.closed:
        weight = weight * ((offset >= 0) & (offset < length[:, :, None]))
    return first.long(), weight / weight.sum(dim=2, keepdim=True)


def _resized(values: Tensor, rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor]) -> Tensor:
    """Images (B, Z, H, W) -> (B, Z, size, size)."""
    down = _weighted_lines(values, *rows)
    return _weighted_lines(down.transpose(2, 3), *columns).transpose(2, 3)


def _weighted_lines(values: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Weighted sums of lines: (B, Z, N, W) -> (B, Z, size, W). Lines are what `embedding_bag` calls
    embeddings; it sums them without making copies."""
    batch, channels, n, width = values.shape
    size, reads = index.shape[1:]
    first = (torch.arange(batch * channels, device=values.device) * n).view(batch, channels, 1, 1)
    summed = functional.embedding_bag(
        (index[:, None] + first).view(-1, reads),
        values.reshape(-1, width),
        per_sample_weights=weight[:, None].expand(-1, channels, -1, -1).reshape(-1, reads),
        mode="sum",
    )
    return summed.view(batch, channels, size, width)
