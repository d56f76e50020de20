"""What a network says about a batch of slices."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

_PEAK = 3  # pixels over which presence is smoothed


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


def presence_of(organ: Tensor) -> Tensor:
    """The highest probability (B,) in maps (B, S, S), smoothed over a few pixels."""
    return functional.avg_pool2d(organ[:, None], _PEAK, 1).amax(dim=(1, 2, 3))
