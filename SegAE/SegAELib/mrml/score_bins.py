"""Colours of the ranges of predicted Dice, and the legend that explains them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from segae.errors import InputError
from segae.report.style import COLOURS, Palette
from segae.results.bins import BIN_NAMES, ScoreBins

Colour = tuple[float, float, float]  # red, green, blue, 0..1
# Share of the chosen opacity: poor slices stand out, the CT stays readable under good ones.
STRENGTHS = (1.0, 0.75, 0.5, 0.35)


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


def legend(bins: ScoreBins, palette: Palette, opacity: float = 0.8) -> tuple[LegendEntry, ...]:
    """The four bins from worst to best; raises `InputError` for an unknown palette.

    `opacity` (0..1) is that of the worst bin, better ones are fainter.
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
