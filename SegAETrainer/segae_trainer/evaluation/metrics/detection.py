"""Whether low predictions find the masks whose true Dice is below a threshold: NaN unless there are masks
on both sides of it."""

from __future__ import annotations

import numpy as np


def auroc(predicted: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    """Chance that a mask below `threshold` is predicted lower than one that is not, ties counted half."""
    from sklearn.metrics import roc_auc_score

    poor = truth < threshold
    return float(roc_auc_score(poor, -predicted)) if _both(poor) else float("nan")


def auprc(predicted: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    """Average precision of finding masks below `threshold`; a blind guess has their share."""
    from sklearn.metrics import average_precision_score

    poor = truth < threshold
    return float(average_precision_score(poor, -predicted)) if _both(poor) else float("nan")


def _both(poor: np.ndarray) -> bool:
    return bool(poor.any()) and not bool(poor.all())
