"""From slices to the network's input: a window round each mask, cut and resized for many slices at once.

Resizing is bilinear with antialiasing, as Pillow's: a triangle filter as wide as the step between output
pixels. Being linear and separable it is two matrix products per slice, R @ image @ C^T, which a batch of
slices with different windows shares. All arrays are torch tensors on one device; rows and columns are those
of the oriented slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from segae.models.spec import CropRule, ModelSpec


@dataclass(frozen=True, eq=False)
class Windows:
    """One window per slice: `start` (B, 2) and `length` (B, 2) in pixels for rows and columns.

    Fractions and places outside the image are allowed. `closed`: the filter never looks beyond the window
    (the published crop); otherwise it sees the surroundings, and what lies outside the image counts as air
    without mask.
    """

    start: Tensor
    length: Tensor
    closed: bool

    def part(self, which: slice) -> Windows:
        """Some of these windows."""
        return Windows(self.start[which], self.length[which], self.closed)

    def moved(self, rows: int, columns: int) -> Windows:
        """The same windows in an image that begins at pixel (rows, columns) of this one."""
        return Windows(
            self.start - torch.tensor([rows, columns], device=self.start.device), self.length, self.closed
        )

    def hull(self, height: int, width: int, size: int) -> tuple[slice, slice]:
        """Rows and columns of the image that resizing to `size` reads, all windows together."""
        tails = (self.length / size).clamp(min=1.0)
        low = (self.start - tails).amin(dim=0).floor().long().clamp(min=0).tolist()
        high = (self.start + self.length + tails).amax(dim=0).ceil().long().tolist()
        return slice(low[0], min(high[0], height)), slice(low[1], min(high[1], width))


def mask_boxes(masks: Tensor) -> Tensor:
    """First and last row, first and last column (B, 4; inclusive) of each mask (B, H, W).

    An empty mask gets the box of all masks of the batch together, and the whole slice when all are empty.
    """
    return torch.cat((_extent(masks.any(dim=2)), _extent(masks.any(dim=1))), dim=1)


def crop_windows(
    boxes: Tensor, rule: CropRule, height: int, width: int, pixel_mm: tuple[float, float]
) -> Windows:
    """The windows that `rule` cuts round `boxes` (B, 4) in slices of `height` x `width` pixels of `pixel_mm`
    (rows, columns) millimetres."""
    if rule.kind == "margin":
        return _margin_windows(boxes, rule.pixels, height, width)
    return _context_windows(boxes, rule, pixel_mm)


def network_input(ct: Tensor, masks: Tensor, windows: Windows, spec: ModelSpec) -> Tensor:
    """Images (B, channels, S, S) from CT slices in HU (B, Z, H, W), the scored one first and then its
    neighbours, masks (B, H, W), and their windows. (B, H, W) is taken for Z = 1."""
    slices = ct[:, None] if ct.dim() == 3 else ct
    hu = cut(slices, windows, spec.input_size, spec.hu_windows)
    mask = cut(masks[:, None], windows, spec.input_size)
    return torch.cat(((hu - spec.ct_mean) / spec.ct_std, (mask - spec.mask_mean) / spec.mask_std), dim=1)


def cut(
    pictures: Tensor,
    windows: Windows,
    size: int,
    ranges: Sequence[tuple[float, float]] | None = None,
) -> Tensor:
    """The windows of pictures (B, C, H, W), resized to (B, C, size, size); with `ranges` the values are first
    clipped to each range and scaled to 0..1, which gives (B, len(ranges) * C, size, size)."""
    rows, row_index = _resize_weights(windows, 0, pictures.shape[2], size)
    columns, column_index = _resize_weights(windows, 1, pictures.shape[3], size)
    values = _read(pictures, row_index, column_index).float()
    rows, columns = rows[:, None], columns.transpose(1, 2)[:, None]
    if ranges is None:
        return rows @ (values @ columns)
    scaled = [(values.clamp(low, high) - low) / (high - low) for low, high in ranges]
    return torch.cat([rows @ (one @ columns) for one in scaled], dim=1)


def _extent(hits: Tensor) -> Tensor:
    """First and last index (B, 2) of True in each row of `hits` (B, N)."""
    filled = torch.where(hits.any(dim=1, keepdim=True), hits, hits.any(dim=0, keepdim=True) | ~hits.any())
    first = filled.int().argmax(dim=1)
    last = hits.shape[1] - 1 - filled.flip(1).int().argmax(dim=1)
    return torch.stack((first, last), dim=1)


def _margin_windows(boxes: Tensor, margin: int, height: int, width: int) -> Windows:
    """The published crop: widened by `margin`, the shorter side grown by half the difference, ends
    half-open."""
    r0, r1 = (boxes[:, 0] - margin).clamp(min=0), (boxes[:, 1] + margin).clamp(max=height)
    c0, c1 = (boxes[:, 2] - margin).clamp(min=0), (boxes[:, 3] + margin).clamp(max=width)
    excess = (r1 - r0) - (c1 - c0)
    grow_columns, grow_rows = excess.clamp(min=0) // 2, (-excess).clamp(min=0) // 2
    r0, r1 = (r0 - grow_rows).clamp(min=0), (r1 + grow_rows).clamp(max=height)
    c0, c1 = (c0 - grow_columns).clamp(min=0), (c1 + grow_columns).clamp(max=width)
    start, stop = torch.stack((r0, c0), dim=1).float(), torch.stack((r1, c1), dim=1).float()
    return Windows(start, (stop - start).clamp(min=1), closed=True)


def _context_windows(boxes: Tensor, rule: CropRule, pixel_mm: tuple[float, float]) -> Windows:
    low, high = boxes[:, [0, 2]].float(), boxes[:, [1, 3]].float() + 1
    spacing = torch.tensor(pixel_mm, device=boxes.device)
    side_mm = rule.scale * ((high - low) * spacing).amax(dim=1, keepdim=True) + rule.millimetres
    length = side_mm / spacing
    return Windows((low + high - length) / 2, length, closed=False)


def _read(pictures: Tensor, rows: Tensor | None, columns: Tensor | None) -> Tensor:
    """Rows (B, R) and columns (B, C) of pictures (B, channels, H, W), each picture its own; None: all."""
    if rows is None and columns is None:
        return pictures
    batch, _, height, width = pictures.shape
    device = pictures.device
    rows = torch.arange(height, device=device).expand(batch, -1) if rows is None else rows
    columns = torch.arange(width, device=device).expand(batch, -1) if columns is None else columns
    picture = torch.arange(batch, device=device)[:, None, None]
    read = pictures[picture, :, rows[:, :, None], columns[:, None, :]]
    return read.permute(0, 3, 1, 2)  # indexing has moved the channels to the end


def _resize_weights(windows: Windows, axis: int, n: int, size: int) -> tuple[Tensor, Tensor | None]:
    """The matrix (B, size, N) that resizes each window along one axis (0 rows, 1 columns) of `n` pixels, and
    the indices (B, N) of the pixels it reads; N covers the longest window of the batch and its filter's
    tails. Windows of half the axis and more read all of it, without indices: that is faster."""
    start, length = windows.start[:, axis, None], windows.length[:, axis, None]
    step = length / size
    reach = step.clamp(min=1.0)
    tails = torch.zeros_like(reach) if windows.closed else reach
    first = (start - tails).floor()
    count = int((start + length + tails - first).ceil().max())
    everything, low = 2 * count >= n, min(0, int(first.min()))
    if everything:
        first, count = torch.full_like(first, low), max(n, int((first + count).max())) - low
    pixel = first + torch.arange(count, device=start.device)
    offset = pixel - start
    # Centres of the output's pixels from the window's start, in two parts: one float32 has too few digits.
    centre = (torch.arange(size, device=start.device) + 0.5) * length
    whole = (centre / size).floor()
    fraction = (centre - whole * size) / size
    distance = (offset[:, None, :] - whole[:, :, None]).add_((0.5 - fraction)[:, :, None]).abs_()
    weights = distance.div_(-reach[:, :, None]).add_(1).clamp_(min=0)
    if windows.closed:
        weights = weights * ((offset >= 0) & (offset < length))[:, None, :]
    weights = weights / weights.sum(dim=2, keepdim=True)
    if everything:
        return weights[:, :, -low : n - low], None
    weights = weights * ((pixel >= 0) & (pixel < n))[:, None, :]
    return weights, pixel.long().clamp(0, n - 1)
