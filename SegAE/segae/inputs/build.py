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
    """The input for `slices` (B,) of `stack`; images lie on its device, the rest on the CPU.

    `masks` (B, H, W) bool, or (B, M, H, W) with the mask first and then further binary images such as the
    truth, which come as channels after the mask's and are never normalised; with `box` they fill these rows
    and columns of the slices. `crops`: one for each slice, in its pixels. `ct` (B or 1, Z, H, W) is shown
    instead of the stack's own slices and their neighbours, which it stands for. `room`: images `room` times
    as long as the crops with the same millimetres per pixel (`InputSpec.size_with_room`), whose middle is
    the input without room; position features are those of the crops. Not `normalised`: values 0..1.
    """
    masks = masks[:, None] if masks.dim() == 3 else masks
    size = spec.size_with_room(room)
    seen = crops.enlarged(size / spec.size)
    near = torch.from_numpy(stack.with_neighbours(slices, spec))
    shown = stack.voxels
    if ct is not None:
        shown = ct.flatten(0, 1)
        near = torch.arange(len(shown)).view(len(ct), -1).expand(len(slices), -1)
    corner = (0, 0) if box is None else (box[0].start, box[1].start)
    images = _channels(shown, near, masks, corner, seen, size, spec)
    position = None
    if spec.position_features:
        assert stack.body is not None, "this stack was made without the body's outline"
        pixels = masks[:, 0].sum(dim=(1, 2)).cpu()
        position = position_features(crops, pixels, torch.from_numpy(slices), stack.body, stack.spacing)
    if normalised:
        images = normalise(images, spec, in_place=True)
    return ModelInput(images, torch.as_tensor(structures, dtype=torch.int64), position)


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
        near = torch.arange(len(part) * shown.shape[1]).view(len(part), -1)
        images[part] = _channels(shown.flatten(0, 1), near, placed, (0, 0), moved, size, spec)
    labels = torch.as_tensor(structures, dtype=torch.int64)
    if normalised:
        images = normalise(images, spec, in_place=True)
    return ModelInput(images, labels, position)


def normalise(images: Tensor, spec: InputSpec, *, in_place: bool = False) -> Tensor:
    """Images (B, channels or more, S, S) with values 0..1 as the network takes them; channels after the
    mask's stay as they are. `in_place` changes the given images."""
    images, n = images if in_place else images.clone(), spec.ct_channels
    images[:, :n].sub_(spec.ct_mean).div_(spec.ct_std)
    images[:, n : n + 1].sub_(spec.mask_mean).div_(spec.mask_std)
    return images


def mask_channel(images: Tensor, spec: InputSpec) -> Tensor:
    """The mask (B, S, S) in 0..1 in normalised images."""
    return images[:, spec.ct_channels] * spec.mask_std + spec.mask_mean


def _channels(
    slices: Tensor,
    near: Tensor,
    masks: Tensor,
    corner: tuple[int, int],
    crops: Crops,
    size: int,
    spec: InputSpec,
) -> Tensor:
    """CT channels, then masks, cut and resized to (B, ..., size, size), values 0..1.

    `slices` (N, H, W) in HU; `near` (B, Z): which of them each crop shows, the slice that is scored first.
    `masks` (B, M, h, w) begin at row and column `corner` of their slices; beyond them there is no mask.
    """
    near = near.to(slices.device, non_blocking=True)
    parts = [cut(slices, near, crops, size, spec.hu_windows)]
    if spec.context_view:
        wide = crops.enlarged(spec.context_view)
        parts.append(cut(slices, near[:, :1], wide, size, (spec.context_view_hu,)))
    own = torch.arange(masks.shape[0] * masks.shape[1], device=masks.device).view(masks.shape[:2])
    parts.append(cut(masks.flatten(0, 1), own, crops.moved(*corner), size).to(slices.device))
    return torch.cat(parts, dim=1)


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
