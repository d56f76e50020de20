"""The threshold "poor", and the four ranges of a slice's predicted Dice: the only table of thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from segae.errors import InputError

POOR = 0.7  # a segment whose predicted Dice is below this is poor, unless the caller says otherwise
BIN_NAMES = ("poor", "weak", "fair", "good")  # of slices, worst first
_LOWEST_SHARE = 0.5 / POOR  # of the threshold, where the worst bin ends


@dataclass(frozen=True)
class ScoreBins:
    """Four ranges of the predicted Dice, cut at three edges; a value on an edge is in the better bin."""

    edges: tuple[float, float, float] = (0.5, POOR, 0.85)

    def __post_init__(self) -> None:
        if not 0 < self.edges[0] < self.edges[1] < self.edges[2] < 1:
            raise InputError(f"Score bins need three rising edges between 0 and 1, not {self.edges}.")

    @classmethod
    def from_threshold(cls, threshold: float) -> ScoreBins:
        """Bins whose two lower ones lie below `threshold` (0..1, both excluded); 0.7 gives 0.5, 0.7, 0.85."""
        if not 0 < threshold < 1:
            raise InputError(f"The threshold must lie between 0 and 1, not at {threshold}.")
        return cls((round(threshold * _LOWEST_SHARE, 6), threshold, round((threshold + 1) / 2, 6)))

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Low and high end of each bin, worst first."""
        limits = (0.0, *self.edges, 1.0)
        return tuple(pairwise(limits))

    def of(self, dice: np.ndarray | float) -> np.ndarray:
        """Bin 0 (worst) to 3 (best) of each predicted Dice."""
        return np.searchsorted(self.edges, dice, side="right")

    def name(self, dice: float) -> str:
        """ "poor", "weak", "fair" or "good"."""
        return BIN_NAMES[int(self.of(dice))]
