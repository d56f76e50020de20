"""What a reader finds who looks at the masks with the lowest predictions first.

Where several masks share the prediction at which the reader stops, each is looked at with the same chance:
the figures are the expected ones and do not depend on the order of the rows.
"""

from __future__ import annotations

import math

import numpy as np


def precision_at_k(predicted: np.ndarray, truth: np.ndarray, k: int, threshold: float) -> float:
    """Share of masks below `threshold` among the `k` lowest predictions; NaN with fewer than k masks."""
    return _found(predicted, truth < threshold, k) / k if 0 < k <= len(truth) else float("nan")


def recall_at_budget(predicted: np.ndarray, truth: np.ndarray, budget: float, threshold: float) -> float:
    """Share of all masks below `threshold` that lie in the lowest `budget` (0..1) of the predictions, the
    number of masks rounded up; NaN when no mask is below it."""
    poor = truth < threshold
    if not poor.any():
        return float("nan")
    looked_at = math.ceil(round(budget * len(truth), 9))  # 0.1 * 30 is 3.0000000000000004
    return _found(predicted, poor, looked_at) / int(poor.sum())


def _found(predicted: np.ndarray, poor: np.ndarray, k: int) -> float:
    """Expected number of `poor` masks among the `k` lowest predictions."""
    if k <= 0:
        return 0.0
    last = np.partition(predicted, k - 1)[k - 1]
    before, tied = predicted < last, predicted == last
    return float(poor[before].sum() + poor[tied].mean() * (k - before.sum()))
