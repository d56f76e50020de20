"""How well predicted Dice agrees with true Dice.

A measure takes predicted (N,) and true (N,) Dice and returns a number, NaN where it is not defined: too few
rows, or values that do not vary where they must.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal

import numpy as np

from segae.errors import InputError

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


@dataclass(frozen=True)
class Limits:
    """Mean difference, and the limits between which 95 % of normally distributed differences lie. `slope`: by
    how much the difference grows per unit of the mean of both, NaN where that does not vary."""

    n: int
    bias: float
    low: float
    high: float
    slope: float


def limits_of_agreement(predicted: np.ndarray, truth: np.ndarray) -> Limits:
    """bias -/+ 1.96 standard deviations (n - 1); NaN below two rows."""
    difference, middle = predicted - truth, (predicted + truth) / 2
    n = len(difference)
    bias = float(difference.mean()) if n else float("nan")
    spread = 1.96 * float(difference.std(ddof=1)) if n > 1 else float("nan")
    varies = n > 1 and np.ptp(middle) > 1e-9
    slope = float(np.polyfit(middle, difference, 1)[0]) if varies else float("nan")
    return Limits(n, bias, bias - spread, bias + spread, slope)


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


POOR, BAD = 0.7, 0.5
FIRST = (10, 50)  # masks, of precision at k
BUDGETS = (0.05, 0.10, 0.20)

Measure = Callable[[np.ndarray, np.ndarray], float]
Better = Literal["high", "low", "zero"]


@dataclass(frozen=True)
class Metric:
    """`key` names it in files, `label` for readers; `meaning` is one sentence."""

    key: str
    label: str
    better: Better
    meaning: str
    measure: Measure


def _metrics() -> tuple[Metric, ...]:
    found = [
        Metric("lcc", "LCC", "high", "Linear correlation (Pearson).", lcc),
        Metric("spearman", "Spearman", "high", "Rank correlation.", spearman),
        Metric("kendall", "Kendall", "high", "Rank correlation, tau-b.", kendall),
        Metric("concordance", "CCC", "high", "Lin's concordance: 1 only on the identity.",
               concordance),
        Metric("mae", "MAE", "low", "Mean absolute error.", mae),
        Metric("rmse", "RMSE", "low", "Root of the mean squared error.", rmse),
        Metric("bias", "Bias", "zero", "Mean of predicted minus true Dice.", bias),
        Metric("calibration_error", "Cal. error", "low",
               "Mean gap between predicted and true Dice by decile of the prediction.", calibration_error),
    ]  # fmt: skip
    for threshold in (POOR, BAD):
        below = f"Dice < {threshold:g}"
        for kind, what in (("auroc", "Area under the ROC curve"), ("auprc", "Average precision")):
            measure = partial({"auroc": auroc, "auprc": auprc}[kind], threshold=threshold)
            label = f"{kind.upper()} < {threshold:g}"
            found.append(
                Metric(f"{kind}_{_digits(threshold)}", label, "high", f"{what} of finding {below}.", measure)
            )
    for k in FIRST:
        measure = partial(precision_at_k, k=k, threshold=POOR)
        text = f"Share of Dice < {POOR:g} among the {k} lowest predictions."
        found.append(Metric(f"precision_at_{k}", f"P@{k}", "high", text, measure))
    for budget in BUDGETS:
        measure = partial(recall_at_budget, budget=budget, threshold=POOR)
        text = f"Share of all Dice < {POOR:g} found in the lowest {budget:.0%} of the predictions."
        found.append(Metric(f"recall_at_{budget * 100:.0f}", f"Recall {budget:.0%}", "high", text, measure))
    return tuple(found)


def _digits(threshold: float) -> str:
    return f"{threshold * 100:.0f}"


METRICS: Mapping[str, Metric] = MappingProxyType({metric.key: metric for metric in _metrics()})


def compute(
    predicted: np.ndarray, truth: np.ndarray, metrics: Sequence[Metric] = tuple(METRICS.values())
) -> np.ndarray:
    """The values (M,) of `metrics` for predicted and true Dice (N,), NaN where one is not defined."""
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    return np.array([metric.measure(predicted, truth) for metric in metrics])


def metric_named(key: str) -> Metric:
    """Raises `InputError` with the known ones for another name."""
    if key not in METRICS:
        raise InputError(f'There is no metric "{key}"; choose from {", ".join(METRICS)}.')
    return METRICS[key]


def number(value: float, digits: int = 3, signed: bool = False) -> str:
    """Three digits after the point; "not defined" for NaN. A value that rounds to zero has no sign."""
    if not math.isfinite(value):
        return "not defined"
    rounded = round(value, digits) + 0.0  # -0.0 becomes 0.0
    return f"{rounded:{'+' if signed and rounded else ''}.{digits}f}"
