"""How scores look: colours, words for ranges, numbers, and places on a strip. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
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


@dataclass(frozen=True)
class StripModel:
    """`first` to `last`: slice indices from the left to the right end (`last` may be the smaller one);
    `dice`: predicted, by slice; slices without one stay empty."""

    first: int
    last: int
    dice: Mapping[int, float]

    @classmethod
    def of(cls, dice: Mapping[int, float], *, upwards: bool) -> StripModel | None:
        """From the lowest slice of the patient to the highest; None without slices.

        `upwards`: slice indices grow towards the head.
        """
        if not dice:
            return None
        low, high = min(dice), max(dice)
        return cls(low, high, dice) if upwards else cls(high, low, dice)

    @property
    def count(self) -> int:
        return abs(self.last - self.first) + 1

    def slice_at(self, share: float) -> int:
        """The slice at a place along the strip, 0 (left end) to 1."""
        place = min(max(int(share * self.count), 0), self.count - 1)
        return self.first + place if self.last >= self.first else self.first - place

    def place_of(self, index: int) -> int | None:
        """Position of a slice counted from the left end; None when it is not on the strip."""
        place = index - self.first if self.last >= self.first else self.first - index
        return place if 0 <= place < self.count else None
