"""How well predicted Dice agrees with true Dice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import stats

from segae_trainer.evaluation.metrics.correlation import lcc, spearman
from segae_trainer.evaluation.metrics.error import bias, mae

POOR = 0.7


def figures(predicted: np.ndarray, target: np.ndarray) -> Mapping[str, float]:
    """n, LCC, Spearman, MAE, bias and AUROC for Dice < .7 of (N,) and (N,); nan where a figure is not
    defined."""
    return {
        "n": len(target),
        "lcc": lcc(predicted, target),
        "spearman": spearman(predicted, target),
        "mae": mae(predicted, target),
        "bias": bias(predicted, target),
        "auroc": auroc(-predicted, target < POOR),
    }


def auroc(score: np.ndarray, positive: np.ndarray) -> float:
    """Chance that a positive scores higher than a negative, ties counted half (Mann-Whitney); nan without
    either."""
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    ranks = stats.rankdata(score)
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))
