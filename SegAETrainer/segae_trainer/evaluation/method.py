"""What can be evaluated: anything that gives masks a predicted Dice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from segae_trainer.evaluation.mask_slice import MaskSlice


@dataclass(frozen=True, eq=False)
class Estimates:
    """`predicted` (N,): raw Dice, NaN where there is none. `interval` (N, 2): low and high, from the methods
    that have one."""

    predicted: np.ndarray
    interval: np.ndarray | None = None


class Method(Protocol):
    """`name`: what tables call it. `predict`: estimates for masks, NaN for the empty ones."""

    @property
    def name(self) -> str: ...

    def predict(self, masks: Sequence[MaskSlice]) -> Estimates: ...


def on_filled(masks: Sequence[MaskSlice]) -> np.ndarray:
    """Which masks (N,) have a pixel: the others cannot be scored."""
    return np.array([bool(mask.mask.any()) for mask in masks], bool)
