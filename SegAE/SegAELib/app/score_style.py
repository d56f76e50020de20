"""How a score looks: its colour, and the word for its range."""

from __future__ import annotations

from dataclasses import dataclass

from segae.report.style import COLOURS, Palette
from segae.results.bins import ScoreBins
from segae.results.columns import dice_text


@dataclass(frozen=True)
class ScoreStyle:
    """The same bins and colours in tables, strip, legend and slice views."""

    bins: ScoreBins
    palette: Palette

    def colour(self, dice: float) -> str:
        """Colour of a predicted Dice as #rrggbb."""
        return COLOURS[self.palette][int(self.bins.of(dice))]

    def key(self, dice: float) -> str:
        """ "poor", "weak", "fair" or "good"."""
        return self.bins.name(dice)


def interval(low: float | None, high: float | None) -> str:
    """An interval of the Dice, "" for none."""
    return "" if low is None or high is None else f"{number(low)}\u2013{number(high)}"


def number(dice: float) -> str:
    """A predicted Dice as people read it."""
    return dice_text(dice)
