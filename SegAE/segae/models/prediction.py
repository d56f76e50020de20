"""What a network says about a batch of slices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Prediction:
    """`dsc` (B,): predicted Dice, raw. `interval` (B, 2): low and high, and `error_map` (B, 2, S, S):
    probabilities of missing and extra pixels in the network's window, from the architectures that have
    them."""

    dsc: Tensor
    interval: Tensor | None = None
    error_map: Tensor | None = None
