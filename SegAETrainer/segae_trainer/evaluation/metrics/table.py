"""All measures by name, in the order of the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal

import numpy as np

from segae.errors import InputError
from segae_trainer.evaluation.metrics import correlation, detection, error, review
from segae_trainer.evaluation.metrics.calibration import calibration_error

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
        Metric("lcc", "LCC", "high", "Linear correlation (Pearson).", correlation.lcc),
        Metric("spearman", "Spearman", "high", "Rank correlation.", correlation.spearman),
        Metric("kendall", "Kendall", "high", "Rank correlation, tau-b.", correlation.kendall),
        Metric("concordance", "CCC", "high", "Lin's concordance: 1 only on the identity.",
               correlation.concordance),
        Metric("mae", "MAE", "low", "Mean absolute error.", error.mae),
        Metric("rmse", "RMSE", "low", "Root of the mean squared error.", error.rmse),
        Metric("bias", "Bias", "zero", "Mean of predicted minus true Dice.", error.bias),
        Metric("calibration_error", "Cal. error", "low",
               "Mean gap between predicted and true Dice by decile of the prediction.", calibration_error),
    ]  # fmt: skip
    for threshold in (POOR, BAD):
        below = f"Dice < {threshold:g}"
        for kind, what in (("auroc", "Area under the ROC curve"), ("auprc", "Average precision")):
            measure = partial(getattr(detection, kind), threshold=threshold)
            label = f"{kind.upper()} < {threshold:g}"
            found.append(
                Metric(f"{kind}_{_digits(threshold)}", label, "high", f"{what} of finding {below}.", measure)
            )
    for k in FIRST:
        measure = partial(review.precision_at_k, k=k, threshold=POOR)
        text = f"Share of Dice < {POOR:g} among the {k} lowest predictions."
        found.append(Metric(f"precision_at_{k}", f"P@{k}", "high", text, measure))
    for budget in BUDGETS:
        measure = partial(review.recall_at_budget, budget=budget, threshold=POOR)
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
