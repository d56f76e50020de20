"""Whether masks that are said to have a Dice of .8 have it on average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DECILES = 10


@dataclass(frozen=True)
class CalibrationBin:
    """`n` masks whose predictions lie in `low`..`high`: their mean predicted and true Dice."""

    low: float
    high: float
    n: int
    predicted: float
    truth: float


def calibration_bins(
    predicted: np.ndarray, truth: np.ndarray, bins: int = DECILES
) -> tuple[CalibrationBin, ...]:
    """Bins of about equal size by prediction. Equal predictions stay together, so there may be fewer bins."""
    if not len(predicted):
        return ()
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, bins + 1)))
    place = np.clip(np.searchsorted(edges, predicted, side="right") - 1, 0, max(len(edges) - 2, 0))
    return tuple(_bin(predicted[place == i], truth[place == i]) for i in np.unique(place))


def calibration_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean over all masks of |mean predicted - mean true| of their decile; NaN without masks."""
    bins = calibration_bins(predicted, truth)
    if not bins:
        return float("nan")
    return sum(b.n * abs(b.predicted - b.truth) for b in bins) / len(predicted)


def _bin(predicted: np.ndarray, truth: np.ndarray) -> CalibrationBin:
    low, high = float(predicted.min()), float(predicted.max())
    return CalibrationBin(low, high, len(predicted), float(predicted.mean()), float(truth.mean()))
