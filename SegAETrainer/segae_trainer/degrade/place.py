"""The mask is in the wrong place."""

from __future__ import annotations

import numpy as np


def shift(mask: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Moved by whole pixels; what leaves the image is lost."""
    moved = np.zeros_like(mask)
    target, source = zip(
        *(_overlap(n, by) for n, by in zip(mask.shape, (rows, columns), strict=True)), strict=True
    )
    moved[target] = mask[source]
    return moved


def beside(mask: np.ndarray, truth: np.ndarray, angle: float) -> np.ndarray:
    """`mask` moved in the direction `angle` just so far that it no longer touches `truth`; empty if it
    leaves the image before that."""
    for distance in range(1, sum(mask.shape)):
        moved = shift(mask, round(distance * np.sin(angle)), round(distance * np.cos(angle)))
        if not (moved & truth).any():
            return moved
    return np.zeros_like(mask)


def _overlap(n: int, by: int) -> tuple[slice, slice]:
    """Target and source ranges along one axis of length `n`."""
    by = int(np.clip(by, -n, n))
    return slice(max(by, 0), n + min(by, 0)), slice(max(-by, 0), n - max(by, 0))
