"""One mask to judge: an organ in one axial slice, with its CT and its truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from segae_trainer.degrade.measures import dice


@dataclass(frozen=True, eq=False)
class MaskSlice:
    """`ct` (H, W) in HU, `mask` and `truth` (H, W) bool, all in LAS order: columns run to the patient's left,
    rows to anterior. `structure`: the row of the label table that the mask is said to be. `pixel_mm`: between
    rows and between columns. `slice`: index in LAS order. `source`: who made the mask; `kind`: "pseudo
    label", "eroded", ... `scan` (K, H, W): the whole CT that the slice is part of, `slice_mm` between its
    slices."""

    ct: np.ndarray
    mask: np.ndarray
    truth: np.ndarray
    structure: int
    pixel_mm: tuple[float, float]
    slice: int
    case: str
    patient: str
    source: str
    kind: str
    scan: np.ndarray
    slice_mm: float

    @property
    def n_slices(self) -> int:
        """Of the whole CT."""
        return len(self.scan)

    @property
    def dice(self) -> float:
        """True Dice of the whole slice."""
        return dice(self.mask, self.truth)

    def square_mm(self, mask: np.ndarray) -> float:
        """Area of `mask` in mm2."""
        return float(np.count_nonzero(mask)) * self.pixel_mm[0] * self.pixel_mm[1]


class LazyMasks(Sequence[MaskSlice]):
    """Masks that are made when they are asked for, each from an entry of `recipes`, the same every time."""

    def __init__(self, recipes: Sequence[Any], make: Callable[[Any], MaskSlice]) -> None:
        self._recipes, self._make = recipes, make

    def __len__(self) -> int:
        return len(self._recipes)

    @overload
    def __getitem__(self, place: int) -> MaskSlice: ...
    @overload
    def __getitem__(self, place: slice) -> LazyMasks: ...
    def __getitem__(self, place: int | slice) -> MaskSlice | LazyMasks:
        if isinstance(place, slice):
            return LazyMasks(self._recipes[place], self._make)
        return self._make(self._recipes[place])
