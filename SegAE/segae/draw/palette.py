"""The colours of predicted Dice: four bands, in two palettes."""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal

Palette = Literal["traffic", "safe"]

BOUNDS = (0.5, 0.7, 0.85)  # a band begins at its bound: 0.7 is no longer orange
BAND_NAMES = ("below 0.50", "0.50 to 0.70", "0.70 to 0.85", "0.85 and above")
# "safe" runs from red-brown to blue: kept apart with every common colour vision deficiency.
COLOURS: dict[Palette, tuple[str, str, str, str]] = {
    "traffic": ("#e8322b", "#f58a1f", "#f2d21b", "#3fae49"),
    "safe": ("#d55e00", "#f0b429", "#7cc4ee", "#2f6fd0"),
}
# Errors of a mask: neither is a colour of a band, and they differ in lightness as much as in hue.
ERROR_COLOURS = {"missing": "#00e5ff", "extra": "#c31fe8"}


def band(score: float) -> int:
    """0 (worst) to 3 (best) for a raw or clipped score."""
    return bisect_right(BOUNDS, score)


def colour(score: float, palette: Palette = "traffic") -> str:
    """Colour of a score as #rrggbb."""
    return COLOURS[palette][band(score)]
