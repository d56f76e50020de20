"""How far predicted Dice is from true Dice: NaN without rows."""

from __future__ import annotations

import numpy as np


def mae(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean absolute error."""
    return _mean(np.abs(predicted - truth))


def rmse(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(_mean(np.square(predicted - truth))))


def bias(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean of predicted minus true: above 0 the masks are flattered."""
    return _mean(predicted - truth)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
