"""Crops of slices: where they lie round masks, and cutting and resizing them, many slices at once.

Resizing is bilinear with antialiasing, as Pillow's: a triangle filter as wide as the step between output
pixels. It is linear and separable, so that rows are resized first and columns afterwards, each output line a
weighted sum of the few lines of the image that the filter reaches. All arrays are torch tensors on one
device; rows and columns are those of the oriented slice.
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
    images: Tensor,
    crops: Crops,
    size: int,
    ranges: Sequence[tuple[float, float]] | None = None,
) -> Tensor:
    """The crops of images (B, C, H, W), resized to (B, C, size, size); with `ranges` the values are first
    clipped to each range and scaled to 0..1, which gives (B, len(ranges) * C, size, size)."""
    read = crops.hull(images.shape[2], images.shape[3], size)
    images, crops = images[:, :, read[0], read[1]], crops.moved(read[0].start, read[1].start)
    rows = _taps(crops, 0, images.shape[2], size)
    columns = _taps(crops, 1, images.shape[3], size)
    # A few images at a time stay in a processor's cache; a GPU rather takes all.
    on_cpu = images.device.type == "cpu"
    several = max(1, _AT_ONCE // max(1, images[0].numel())) if on_cpu else len(images)
    parts = []
    for start in range(0, len(images), several):
        here = slice(start, start + several)
        values = images[here].float()
        scaled = [values] if ranges is None else [_scaled(values, *ends) for ends in ranges]
        parts.append(torch.cat([_resized(one, rows.part(here), columns.part(here)) for one in scaled], dim=1))
    return torch.cat(parts)


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
    return (values - low).div_(high - low).clamp_(0, 1)


@dataclass(frozen=True, eq=False)
class _Taps:
    """The pixels that each output pixel of each window reads along one axis, `index` (B, size, T), and their
    `weight`."""

    index: Tensor
    weight: Tensor

    def part(self, which: slice) -> _Taps:
        return _Taps(self.index[which], self.weight[which])


def _taps(crops: Crops, axis: int, n: int, size: int) -> _Taps:
    """For the crops' extent along an axis (0 rows, 1 columns) of `n` pixels."""
    start, length = crops.start[:, axis, None], crops.length[:, axis, None]
    reach = (length / size).clamp(min=1.0)
    # Centres of the output's pixels from the window's start, in two parts: one float32 has too few digits.
    centre = (torch.arange(size, device=start.device) + 0.5) * length
    whole = (centre / size).floor()
    fraction = (centre - whole * size) / size
    count = int((2 * reach).ceil().max()) + 1
    first = (start + whole + (fraction - reach - 0.5)).ceil()
    pixel = first[:, :, None] + torch.arange(count, device=start.device)
    offset = pixel - start[:, :, None]
    distance = (offset - whole[:, :, None]).add_((0.5 - fraction)[:, :, None]).abs_()
    weight = distance.div_(-reach[:, :, None]).add_(1).clamp_(min=0)
    if crops.closed:
        weight = weight * ((offset >= 0) & (offset < length[:, :, None]))
    weight = weight / weight.sum(dim=2, keepdim=True)
    weight = weight * ((pixel >= 0) & (pixel < n))
    return _Taps(pixel.long().clamp_(0, n - 1), weight)


def _resized(values: Tensor, rows: _Taps, columns: _Taps) -> Tensor:
    """Pictures (B, C, H, W) -> (B, C, size, size)."""
    down = _weighted_lines(values, rows)
    return _weighted_lines(down.transpose(2, 3), columns).transpose(2, 3)


def _weighted_lines(values: Tensor, taps: _Taps) -> Tensor:
    """Weighted sums of lines: (B, C, N, W) -> (B, C, size, W). Lines are what `embedding_bag` calls
    embeddings; it sums them without making copies."""
    batch, channels, n, width = values.shape
    size, reads = taps.index.shape[1:]
    first = (torch.arange(batch * channels, device=values.device) * n).view(batch, channels, 1, 1)
    summed = functional.embedding_bag(
        (taps.index[:, None] + first).view(-1, reads),
        values.reshape(-1, width),
        per_sample_weights=taps.weight[:, None].expand(-1, channels, -1, -1).reshape(-1, reads),
        mode="sum",
    )
    return summed.view(batch, channels, size, width)
