"""What one step sees."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """`images` (B, channels, S, S) for the network; `structures` (B,) rows of the label table; `target` (B,)
    the Dice to predict; `truths` and `masks` (B, S, S) the share 0..1 of each window pixel that belongs to
    the organ and to the mask."""

    images: Tensor
    structures: Tensor
    target: Tensor
    truths: Tensor
    masks: Tensor
