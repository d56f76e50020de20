"""Whether predicted intervals hold the true Dice as often as they claim."""

from __future__ import annotations

import numpy as np


def coverage(low: np.ndarray, high: np.ndarray, truth: np.ndarray) -> float:
    """Share of true values inside low..high, ends included; NaN without rows."""
    return float(((low <= truth) & (truth <= high)).mean()) if len(truth) else float("nan")


def mean_width(low: np.ndarray, high: np.ndarray) -> float:
    """Mean of high minus low; NaN without rows."""
    return float((high - low).mean()) if len(low) else float("nan")
