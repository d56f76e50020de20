"""The only way from CT, masks and structures to what a network sees: `ModelInput`.

`model_input` cuts many slices of one stack at once; `model_input_of_slices` takes slices of different scans,
as a training batch has them. Both give the same numbers for the same slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segae.inputs.crops import Crops, cut
from segae.inputs.position import position_features
from segae.inputs.spec import InputSpec
from segae.inputs.stack import CTStack

_OUTSIDE_HU = -32768  # lowest of every HU window: what lies outside a slice is shown as air
_TOGETHER = 16  # slices of different scans that are cut together


@dataclass(frozen=True, eq=False)
class ModelInput:
    """What a network takes for B slices. `images` (B, C, S, S): CT channels, then the mask; `structures`
    (B,): label indices of the structures that the masks are said to be; `position` (B, POSITION_FEATURES) for
    networks that take it."""

    images: Tensor
    structures: Tensor
    position: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, which: slice | Tensor) -> ModelInput:
        position = None if self.position is None else self.position[which]
        return ModelInput(self.images[which], self.structures[which], position)

    def to(self, device: torch.device | str) -> ModelInput:
        """The same on `device`; from pinned memory the copy does not wait."""
        position = None if self.position is None else self.position.to(device, non_blocking=True)
        images, structures = (v.to(device, non_blocking=True) for v in (self.images, self.structures))
        return ModelInput(images, structures, position)

    @classmethod
    def concatenate(cls, parts: Sequence[ModelInput]) -> ModelInput:
        """Inputs of one network after each other; at least one part."""
        if len(parts) == 1:
            return parts[0]
        position = [part.position for part in parts if part.position is not None]
        images, structures = (
            torch.cat([getattr(part, name) for part in parts]) for name in ("images", "structures")
        )
        return cls(images, structures, torch.cat(position) if position else None)


def model_input(
    stack: CTStack,
    slices: np.ndarray,
    masks: Tensor,
    crops: Crops,
    structures: Sequence[int] | Tensor,
    spec: InputSpec,
    *,
    box: tuple[slice, slice] | None = None,
    ct: Tensor | None = None,
    room: float = 1.0,
    normalised: bool = True,
) -> ModelInput:
    """The input for `slices` (B,) of `stack`, on its device.

    `masks` (B, H, W) bool, or (B, M, H, W) with the mask first and then further binary images such as the
    truth, which come as channels after the mask's and are never normalised; with `box` they fill these rows
    and columns of the slices. `crops`: one for each slice, in its pixels. `ct` (B or 1, Z, H, W) is shown
    instead of the stack's own slices and their neighbours, which it stands for. `room`: images `room` times
    as long as the crops with the same millimetres per pixel (`InputSpec.size_with_room`), whose middle is
    the input without room; position features are those of the crops. Not `normalised`: values 0..1.
    """
    device = stack.device
    masks = masks[:, None] if masks.dim() == 3 else masks
    height, width = stack.voxels.shape[1:]
    size = spec.size_with_room(room)
    seen = crops.enlarged(size / spec.size)
    rows, columns = seen.enlarged(max(1.0, spec.context_view)).hull(height, width, size)
    if ct is None:
        near = torch.from_numpy(stack.with_neighbours(slices, spec)).to(device)
        shown = stack.voxels[near, rows, columns]
    else:
        shown = ct[:, :, rows, columns].expand(len(slices), -1, -1, -1)
    placed = _placed(masks, box or (slice(0, height), slice(0, width)), rows, columns)
    images = _channels(shown, placed, seen.moved(rows.start, columns.start), size, spec)
    position = None
    if spec.position_features:
        assert stack.body is not None, "this stack was made without the body's outline"
        k = torch.from_numpy(slices).to(device)
        pixels = masks[:, 0].sum(dim=(1, 2))
        position = position_features(crops, pixels, k, stack.body, stack.spacing)
    labels = torch.as_tensor(structures, dtype=torch.int64, device=device)
    return ModelInput(normalise(images, spec) if normalised else images, labels, position)


def model_input_of_slices(
    ct: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    crops: Crops,
    structures: Sequence[int],
    spec: InputSpec,
    *,
    position: Tensor | None = None,
    room: float = 1.0,
    normalised: bool = True,
) -> ModelInput:
    """The input for B slices of any scans, on the CPU: `ct` holds for each the slice and its neighbours
    (Z, H, W) in HU, `masks` its mask and further binary images (M, H, W); heights and widths may differ from
    slice to slice. `position`: the features, where the network takes them. The rest as for `model_input`."""
    size = spec.size_with_room(room)
    seen = crops.enlarged(size / spec.size)
    reach = seen.enlarged(max(1.0, spec.context_view))
    images = torch.empty(len(ct), spec.ct_channels + len(masks[0]), size, size)
    # The largest crop of those that are cut together decides how much is read for all of them.
    for part in reach.length.amax(dim=1).argsort().split(_TOGETHER):
        places = part.tolist()
        first, last = _extents(reach[part], np.array([ct[place].shape[1:] for place in places]), size)
        shown = _canvas([ct[place] for place in places], first, last, _OUTSIDE_HU)
        placed = _canvas([masks[place] for place in places], first, last, False)
        moved = Crops(seen.start[part] - torch.from_numpy(first), seen.length[part], seen.closed)
        images[part] = _channels(shown, placed, moved, size, spec)
    labels = torch.as_tensor(structures, dtype=torch.int64)
    return ModelInput(normalise(images, spec) if normalised else images, labels, position)


def normalise(images: Tensor, spec: InputSpec) -> Tensor:
    """Images (B, channels or more, S, S) with values 0..1 as the network takes them; channels after the
    mask's stay as they are."""
    n = spec.ct_channels
    ct, mask, more = images[:, :n], images[:, n : n + 1], images[:, n + 1 :]
    normal = ((ct - spec.ct_mean) / spec.ct_std, (mask - spec.mask_mean) / spec.mask_std, more)
    return torch.cat(normal, dim=1)


def mask_channel(images: Tensor, spec: InputSpec) -> Tensor:
    """The mask (B, S, S) in 0..1 in normalised images."""
    return images[:, spec.ct_channels] * spec.mask_std + spec.mask_mean


def _channels(ct: Tensor, masks: Tensor, crops: Crops, size: int, spec: InputSpec) -> Tensor:
    """CT channels, then `masks` (B, M, H, W), cut and resized to (B, ..., size, size), values 0..1. `ct`
    (B, Z, H, W) in HU, the slice that is scored first."""
    parts = [cut(ct, crops, size, spec.hu_windows)]
    if spec.context_view:
        parts.append(cut(ct[:, :1], crops.enlarged(spec.context_view), size, (spec.context_view_hu,)))
    parts.append(cut(masks, crops, size))
    return torch.cat(parts, dim=1)


def _placed(masks: Tensor, box: tuple[slice, slice], rows: slice, columns: slice) -> Tensor:
    """What lies in `rows` and `columns` of slices in whose `box` there are `masks` (B, M, h, w)."""
    shape = (*masks.shape[:2], rows.stop - rows.start, columns.stop - columns.start)
    placed = torch.zeros(shape, dtype=torch.bool, device=masks.device)
    top, left = max(rows.start, box[0].start), max(columns.start, box[1].start)
    bottom, right = min(rows.stop, box[0].stop), min(columns.stop, box[1].stop)
    if top < bottom and left < right:
        there = (
            slice(top - rows.start, bottom - rows.start),
            slice(left - columns.start, right - columns.start),
        )
        here = (
            slice(top - box[0].start, bottom - box[0].start),
            slice(left - box[1].start, right - box[1].start),
        )
        placed[:, :, there[0], there[1]] = masks[:, :, here[0], here[1]]
    return placed


def _extents(reach: Crops, shapes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last row and column (B, 2; half-open) that each crop reads of its slice, one at least;
    `shapes` (B, 2) are those of the slices."""
    filter_reach = (reach.length / size).clamp(min=1.0)
    low = (reach.start - filter_reach).floor().long().numpy()
    high = (reach.start + reach.length + filter_reach).ceil().long().numpy()
    first = np.clip(low, 0, shapes - 1)
    return first, np.clip(high, first + 1, shapes)


def _canvas(arrays: Sequence[np.ndarray], first: np.ndarray, last: np.ndarray, empty: float) -> Tensor:
    """Parts of arrays (N, H, W) of different height and width on one canvas (B, N, h, w) each."""
    height, width = (last - first).max(axis=0)
    canvas = np.full((len(arrays), len(arrays[0]), height, width), empty, arrays[0].dtype)
    for array, place, (r0, c0), (r1, c1) in zip(arrays, canvas, first, last, strict=True):
        place[:, : r1 - r0, : c1 - c0] = array[:, r0:r1, c0:c1]
    return torch.from_numpy(canvas)
