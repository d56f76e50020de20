"""Ranges of predicted Dice, their colours, and the legend that explains them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np

from segae.errors import InputError
from segae.report.style import BOUNDS, COLOURS, Palette
from segae.results.types import POOR

Colour = tuple[float, float, float]  # red, green, blue, 0..1
LOWEST_SHARE = 0.5 / POOR  # with the usual threshold of 0.7, scores below 0.5 are in the worst bin

NAMES = ("poor", "weak", "fair", "good")
# Share of the chosen opacity: poor slices stand out, the CT stays readable under good ones.
STRENGTHS = (1.0, 0.75, 0.5, 0.35)


@dataclass(frozen=True)
class ScoreBins:
    """Four ranges of the predicted Dice, cut at three edges; a score on an edge is in the better bin."""

    edges: tuple[float, float, float] = BOUNDS

    def __post_init__(self) -> None:
        if not 0 < self.edges[0] < self.edges[1] < self.edges[2] < 1:
            raise InputError(f"Score bins need three rising edges between 0 and 1, not {self.edges}.")

    @classmethod
    def from_threshold(cls, threshold: float) -> ScoreBins:
        """Bins whose two lower ones lie below `threshold` (0..1, both excluded); 0.7 gives 0.5, 0.7, 0.85."""
        if not 0 < threshold < 1:
            raise InputError(f"The threshold must lie between 0 and 1, not at {threshold}.")
        return cls((round(threshold * LOWEST_SHARE, 6), threshold, round((threshold + 1) / 2, 6)))

    def of(self, scores: np.ndarray) -> np.ndarray:
        """Bin 0 (worst) to 3 (best) of each score."""
        return np.searchsorted(self.edges, scores, side="right")


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
    limits = (0.0, *bins.edges, 1.0)
    rows = zip(NAMES, limits[:-1], limits[1:], COLOURS[palette], STRENGTHS, strict=True)
    return tuple(
        LegendEntry(name, low, high, rgb(colour), opacity * strength)
        for name, low, high, colour, strength in rows
    )


def rgb(colour: str) -> Colour:
    """Red, green and blue (0..1) of "#rrggbb"."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return (red / 255, green / 255, blue / 255)
