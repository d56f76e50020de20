"""What a network says about a batch of slices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Prediction:
    """`dsc` (B,): predicted Dice, raw. The rest only from the architectures that have it.

    `interval` (B, 2): low and high. `error_map` (B, 2, S, S): probabilities of missing and extra pixels in
    the network's window. `areas` (B, 2): mask and organ together, and organ in the whole slice, in pixels of
    the window. `presence` (B,): 0..1, the organ's highest probability in the window, smoothed.
    """

    dsc: Tensor
    interval: Tensor | None = None
    error_map: Tensor | None = None
    areas: Tensor | None = None
    presence: Tensor | None = None
