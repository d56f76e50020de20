"""Colours of the ranges of predicted Dice, and the legend that explains them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from segae.errors import InputError
from segae.report.style import COLOURS, Palette
from segae.results.bins import BIN_NAMES, ScoreBins

Colour = tuple[float, float, float]  # red, green, blue, 0..1
OPACITY = 0.85  # of the worst bin, unless the user chooses another one
# Share of the opacity: slices of low quality stand out, the others look as the user has them.
STRENGTHS = (1.0, 0.7, 0.0, 0.0)


@dataclass(frozen=True)
class LegendEntry:
    """One bin: `key` is its name, `low` to `high` its range (`high` excluded but for the last)."""

    key: str
    low: float
    high: float
    colour: Colour
    opacity: float

    @property
    def text(self) -> str:
        """Name and range in English, "weak 0.50-0.70"."""
        return f"{self.key} {self.low:.2f}-{self.high:.2f}"


def legend(bins: ScoreBins, palette: Palette, opacity: float = OPACITY) -> tuple[LegendEntry, ...]:
    """The four bins from worst to best; raises `InputError` for an unknown palette.

    `opacity` (0..1) is that of the worst bin; weak ones are fainter, and the two best are not coloured.
    """
    if palette not in COLOURS:
        raise InputError(f'There is no palette "{palette}"; use {" or ".join(get_args(Palette))}.')
    rows = zip(BIN_NAMES, bins.ranges, COLOURS[palette], STRENGTHS, strict=True)
    return tuple(
        LegendEntry(name, low, high, rgb(colour), opacity * strength)
        for name, (low, high), colour, strength in rows
    )


def rgb(colour: str) -> Colour:
    """Red, green and blue (0..1) of "#rrggbb"."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return (red / 255, green / 255, blue / 255)
