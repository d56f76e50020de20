"""Which slices of a mask are scored, and in which the organ is looked for without mask."""

from __future__ import annotations

from dataclasses import dataclass

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


REACH_MM = 60.0  # beyond both ends of a mask
STEP_MM = 6.0  # between the slices that are looked at there
EVERYWHERE_MM = 12.0  # between the slices that are looked at for an organ without any mask


@dataclass(frozen=True, eq=False)
class SlicesToScore:
    """Slices of one segment. `slices` (n,): counted in the scan; `near` (n,): the slice of the mask, counted
    in its box, round which the crop lies; `searched_mm` (n,): 0 where the mask itself is scored, else the
    part of the z axis that the slice stands for."""

    slices: np.ndarray
    near: np.ndarray
    searched_mm: np.ndarray

    @property
    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.slices, self.near, self.searched_mm

    def followed_by(self, other: SlicesToScore) -> SlicesToScore:
        """These slices, then the others."""
        return SlicesToScore(
            *(np.concatenate(pair) for pair in zip(self.columns, other.columns, strict=True))
        )


def slices_to_search(
    areas: np.ndarray, first: int, count: int, slice_mm: float, step_mm: float = STEP_MM
) -> SlicesToScore:
    """Every gap inside a mask, and slices beyond its ends, `step_mm` apart (0: all). `areas` (K,): pixels of
    the mask in each slice of its box, which begins at slice `first` of a scan with `count` slices."""
    filled = np.flatnonzero(areas)
    if not len(filled):
        return SlicesToScore(np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    gaps = np.setdiff1d(np.arange(filled[0], filled[-1]), filled)
    nearest = filled[np.abs(gaps[:, None] - filled[None]).argmin(axis=1)] if len(gaps) else gaps
    step, reach = max(1, round(step_mm / slice_mm)), max(1, round(REACH_MM / slice_mm))
    out = np.arange(1, reach + 1, step)
    below, above = first + filled[0] - out, first + filled[-1] + out
    below, above = below[below >= 0], above[above < count]
    thick = np.full(len(below) + len(above), step * slice_mm)
    return SlicesToScore(
        np.concatenate((gaps + first, below, above)),
        np.concatenate((nearest, np.full(len(below), filled[0]), np.full(len(above), filled[-1]))),
        np.concatenate((np.full(len(gaps), slice_mm), thick)),
    )


def slices_everywhere(
    count: int, slice_mm: float, step_mm: float = EVERYWHERE_MM
) -> tuple[np.ndarray, float]:
    """Evenly spread slices of a whole scan, and the millimetres that each stands for."""
    step = max(1, round(step_mm / slice_mm))
    return np.arange(step // 2 if count > step // 2 else 0, count, step), step * slice_mm
