"""Which slices of a mask are scored."""

from __future__ import annotations

import numpy as np

from segae.errors import InputError


def check_sampling(slices: int | None) -> None:
    """Raises `InputError` unless `slices` is None (all) or a positive number."""
    if slices is not None and slices < 1:
        raise InputError(f"{slices} slices cannot be scored; give 1 or more, or leave it out for all.")


def choose_slices(areas: np.ndarray, n: int | None = None) -> np.ndarray:
    """Indices of the slices to score, ascending, from the mask's area per slice (K,).

    All that are not empty; with `n`, and more than `n` of them, entry int(count / n * i) for i = 0..n-1: the
    published sampling, which never takes the last one.
    """
    filled = np.flatnonzero(areas)
    if n is None or len(filled) <= n:
        return filled
    return filled[[int(len(filled) / n * i) for i in range(n)]]
