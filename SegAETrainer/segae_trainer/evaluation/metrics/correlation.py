"""Whether predicted and true Dice go together: NaN below two rows or when one of them does not vary."""

from __future__ import annotations

import numpy as np

NOT_DEFINED = float("nan")


def lcc(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Linear correlation coefficient (Pearson)."""
    from scipy import stats

    return _where_both_vary(lambda p, t: stats.pearsonr(p, t)[0], predicted, truth)


def spearman(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Rank correlation (Spearman), ties with their mean rank."""
    from scipy import stats

    return _where_both_vary(lambda p, t: stats.spearmanr(p, t)[0], predicted, truth)


def kendall(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Kendall's tau-b."""
    from scipy import stats

    return _where_both_vary(lambda p, t: stats.kendalltau(p, t)[0], predicted, truth)


def concordance(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Lin's concordance: 2 cov / (var + var + (difference of the means)^2); 1 on the identity only.
    Variances with n - 1, as in torchmetrics."""
    import torch
    from torchmetrics.functional.regression import concordance_corrcoef

    return _where_both_vary(
        lambda p, t: concordance_corrcoef(torch.from_numpy(p), torch.from_numpy(t)), predicted, truth
    )


def _where_both_vary(measure, predicted: np.ndarray, truth: np.ndarray) -> float:
    p, t = (np.array(values, np.float64) for values in (predicted, truth))
    if len(p) < 2 or _constant(p) or _constant(t):
        return NOT_DEFINED
    return float(measure(p, t))


def _constant(values: np.ndarray) -> bool:
    """Also values that differ by rounding only, whose correlation would be noise."""
    return bool(np.ptp(values) <= 1e-9 * max(1.0, float(np.abs(values).max())))
