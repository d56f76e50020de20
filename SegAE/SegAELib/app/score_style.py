"""How a score looks: its colour, and the word for its range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segae.report.style import COLOURS, Palette
from segae.results.types import predicted_dice
from SegAELib.mrml.score_bins import NAMES, ScoreBins


@dataclass(frozen=True)
class ScoreStyle:
    """The same bins and colours in tables, strip, legend and slice views."""

    bins: ScoreBins
    palette: Palette

    def colour(self, score: float) -> str:
        """Colour of a raw score as #rrggbb."""
        return COLOURS[self.palette][self._bin(score)]

    def key(self, score: float) -> str:
        """ "poor", "weak", "fair" or "good"."""
        return NAMES[self._bin(score)]

    def _bin(self, score: float) -> int:
        return int(self.bins.of(np.array(score)))


def interval(low: float | None, high: float | None) -> str:
    """An interval of the Dice, "" for none."""
    return "" if low is None or high is None else f"{number(low)}\u2013{number(high)}"


def number(score: float) -> str:
    """A raw score as people read it, clipped to 0..1."""
    return f"{predicted_dice(score):.2f}"
