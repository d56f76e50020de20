"""Intervals that respect patients: masks of one patient are alike, so whole patients are drawn, not masks
(Efron & Tibshirani 1993, chapter 8)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segae.progress import Watch

CONFIDENCE = 0.95
RESAMPLES = 500
SEED = 2026
_LEAST_DEFINED = 0.5  # share of the resamples in which a figure must be defined


def resample_patients(
    patients: np.ndarray,
    figures: Callable[[np.ndarray], np.ndarray],
    resamples: int = RESAMPLES,
    seed: int = SEED,
    watch: Watch | None = None,
) -> np.ndarray:
    """`figures` (M,) of `resamples` draws of as many patients as there are, with replacement: (R, M).

    `patients` (N,) names the patient of each row; `figures` is called with the numbers of the rows drawn. The
    draws depend on the number of patients and `seed` only, so two methods with the same patients get the same
    ones and their differences can be resampled too. Empty (0, 0) with fewer than two patients.
    """
    watch = watch or Watch()
    names, place = np.unique(patients, return_inverse=True)
    if len(names) < 2 or resamples < 1:
        return np.empty((0, 0))
    rows = [np.flatnonzero(place == i) for i in range(len(names))]
    random = np.random.default_rng(seed)
    drawn = []
    for done in range(resamples):
        watch.step("resampling patients", done, resamples)
        chosen = random.integers(len(names), size=len(names))
        drawn.append(figures(np.concatenate([rows[i] for i in chosen])))
    watch.step("resampling patients", resamples, resamples)
    return np.stack(drawn)


def percentile_interval(replicates: np.ndarray, confidence: float = CONFIDENCE) -> np.ndarray:
    """Low and high (M, 2) of replicates (R, M); NaN where a figure was defined in fewer than half of them."""
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    result = np.full((replicates.shape[1], 2), np.nan)
    for column, values in enumerate(replicates.T):
        defined = values[np.isfinite(values)]
        if len(defined) and len(defined) >= _LEAST_DEFINED * len(values):
            result[column] = np.quantile(defined, tails)
    return result
