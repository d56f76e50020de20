"""A part of the mask is missing, or pieces were added."""

from __future__ import annotations

import numpy as np


def cut(mask: np.ndarray, share: float, angle: float) -> np.ndarray:
    """Without `share` (0..1) of its pixels: those that lie furthest in the direction `angle` (radians)."""
    rows, columns = np.nonzero(mask)
    along = rows * np.sin(angle) + columns * np.cos(angle)
    kept = mask.copy()
    gone = np.argsort(along, kind="stable")[len(along) - round(share * len(along)) :]
    kept[rows[gone], columns[gone]] = False
    return kept


def holes(mask: np.ndarray, count: int, radius: float, rng: np.random.Generator) -> np.ndarray:
    """With `count` discs of `radius` pixels punched out, each centred on a pixel of the mask."""
    return mask & ~_discs(mask, np.argwhere(mask), count, radius, rng)


def islands(mask: np.ndarray, count: int, radius: float, rng: np.random.Generator) -> np.ndarray:
    """With `count` discs of `radius` pixels added outside."""
    return mask | _discs(mask, np.argwhere(~mask), count, radius, rng)


def _discs(
    mask: np.ndarray, places: np.ndarray, count: int, radius: float, rng: np.random.Generator
) -> np.ndarray:
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    discs = np.zeros_like(mask)
    for row, column in places[rng.integers(len(places), size=count)] if len(places) else ():
        discs |= (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return discs
