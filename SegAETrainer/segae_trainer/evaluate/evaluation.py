"""From a table of predictions to figures: pooled with intervals, and by structure, size, case and source.

Intervals respect patients: masks of one patient are alike, so whole patients are drawn, not masks (Efron &
Tibshirani 1993, chapter 8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from segae.errors import InputError
from segae.progress import Watch
from segae.scoring.conformal import coverage, mean_width
from segae_trainer.evaluate.metrics import METRICS, POOR, compute
from segae_trainer.evaluate.predictions import GROUPINGS, INTERVAL, checked, organs, with_size

if TYPE_CHECKING:
    import pandas as pd


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


Level = Literal["slice", "organ"]
FEW_PATIENTS = 5
LEAST_IN_GROUP = 10  # masks of a case or structure, for its figures to count in a summary over cases


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a method's predictions are worth in one suite.

    `tables`: by level ("slice", and "organ" where the slices make up volumes) the rows, those without a
    prediction included. `metrics`: one row per level and metric, with `value`, the interval `low`..`high`,
    `n` masks, `poor` of them with Dice < 0.7, `patients`, the means `mean_dice` and `mean_predicted`, and
    beside the pooled value those of single cases (`case_median`, `case_least`, `case_most` of `cases`) and
    the mean over single structures (`structure_mean` of `structures`). `groups`: the same without intervals,
    by structure, size, case, source and kind. `replicates`: by level, the metrics (R, M) of the resampled
    patients. `notes`: sentences about what is missing.
    """

    method: str
    suite: str
    tables: Mapping[Level, pd.DataFrame]
    metrics: pd.DataFrame
    groups: pd.DataFrame
    replicates: Mapping[Level, np.ndarray]
    notes: tuple[str, ...]

    def value(self, metric: str, level: Level = "slice") -> float:
        """The pooled value of one metric; raises `InputError` for an unknown one."""
        return float(self.row(metric, level)["value"])

    def row(self, metric: str, level: Level = "slice") -> dict[str, float]:
        """One row of `metrics` as a mapping."""
        if metric not in METRICS:
            raise InputError(f'There is no metric "{metric}"; choose from {", ".join(METRICS)}.')
        found = self.metrics[(self.metrics["level"] == level) & (self.metrics["metric"] == metric)]
        return found.iloc[0].to_dict()

    @property
    def levels(self) -> tuple[Level, ...]:
        return tuple(self.tables)

    def scored(self, level: Level) -> pd.DataFrame:
        """The rows of one level that have a prediction."""
        return scored(self.tables[level])

    def arrays(self, level: Level) -> tuple[np.ndarray, np.ndarray]:
        """Predicted and true Dice of those rows."""
        return _arrays(self.scored(level))


def evaluate(
    predictions: pd.DataFrame,
    *,
    method: str = "model",
    suite: str = "predictions",
    by_organ: pd.DataFrame | None = None,
    volumes: bool = True,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    watch: Watch | None = None,
) -> Evaluation:
    """The figures of a table of predictions (columns: `predictions.checked`).

    `by_organ`: a table with the same columns and one row per organ volume, from methods that score volumes in
    a way of their own; else it is made from the slices, unless `volumes` is off because they do not make up
    volumes. Intervals come from `resamples` draws of whole
    patients; 0 asks for none. Raises `InputError` for a table that cannot be used, or without predictions.
    """
    slices = with_size(checked(predictions, f"of {method}"))
    tables: dict[Level, pd.DataFrame] = {"slice": slices}
    if by_organ is not None:
        tables["organ"] = with_size(checked(by_organ, f"of {method} by organ"))
    elif volumes:
        tables["organ"] = with_size(organs(slices))
    if scored(slices).empty:
        raise InputError(
            f'"{method}" gives no prediction for any mask of "{suite}"; use another model or suite.'
        )
    groups = _concatenated([_by_group(table, level) for level, table in tables.items()])
    pooled, replicates = [], {}
    for level, table in tables.items():
        usable = scored(table)
        replicates[level] = _replicates(usable, resamples, seed, watch)
        pooled.append(_pooled(usable, level, replicates[level], groups))
    return Evaluation(
        method, suite, tables, _concatenated(pooled), groups, replicates, tuple(_notes(slices, resamples)),
    )  # fmt: skip


def scored(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with a prediction."""
    return table.take(np.flatnonzero(np.isfinite(table["predicted"].to_numpy(float)))).reset_index(drop=True)


def interval_figures(evaluation: Evaluation) -> pd.DataFrame:
    """How often the predicted intervals hold the true Dice, and how wide they are: columns level, n,
    coverage, width; no rows for a method without intervals."""
    import pandas as pd

    rows = []
    for level in evaluation.levels:
        table = evaluation.scored(level)
        if INTERVAL[0] in table and INTERVAL[1] in table:
            low, high, truth = (table[column].to_numpy(float) for column in (*INTERVAL, "dice"))
            there = np.isfinite(low) & np.isfinite(high)
            low, high, truth = low[there], high[there], truth[there]
            rows.append((level, len(truth), coverage(low, high, truth), mean_width(low, high)))
    return pd.DataFrame(rows, columns=["level", "n", "coverage", "width"])


def difference(one: Evaluation, other: Evaluation) -> pd.DataFrame:
    """`one` minus `other` for each level and metric, with the interval of the paired bootstrap: both are
    measured on the same draws of patients. NaN when their masks differ; NaN intervals when the draws do."""
    import pandas as pd

    parts = []
    for level in one.levels:
        part = pd.DataFrame(
            {"level": level, "metric": list(METRICS), "value": np.nan, "low": np.nan, "high": np.nan}
        )
        if level in other.levels and _same_masks(one.scored(level), other.scored(level)):
            part["value"] = _values(one, level) - _values(other, level)
            a, b = one.replicates[level], other.replicates[level]
            if a.size and a.shape == b.shape:
                part[["low", "high"]] = percentile_interval(a - b)
        parts.append(part)
    return _concatenated(parts)


def _values(evaluation: Evaluation, level: Level) -> np.ndarray:
    metrics = evaluation.metrics
    return metrics.loc[metrics["level"] == level, "value"].to_numpy(float)


def _same_masks(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    columns = ["case", "patient", "segment", "structure_index", "slice", "source", "dice"]
    return one[columns].equals(other[columns])


def _replicates(table: pd.DataFrame, resamples: int, seed: int, watch: Watch | None) -> np.ndarray:
    predicted, truth = _arrays(table)
    patients = table["patient"].to_numpy(str)
    return resample_patients(
        patients, lambda rows: compute(predicted[rows], truth[rows]), resamples, seed, watch
    )


def _pooled(table: pd.DataFrame, level: Level, replicates: np.ndarray, groups: pd.DataFrame) -> pd.DataFrame:
    interval = percentile_interval(replicates) if replicates.size else np.full((len(METRICS), 2), np.nan)
    result = _figures(table, level)
    result["low"], result["high"] = interval[:, 0], interval[:, 1]
    enough = (groups["level"] == level) & (groups["n"] >= LEAST_IN_GROUP)
    here = groups.take(np.flatnonzero(enough))
    summaries = {
        "case_median": ("case", "median"), "case_least": ("case", "min"), "case_most": ("case", "max"),
        "cases": ("case", "count"), "structure_mean": ("structure", "mean"),
        "structures": ("structure", "count"),
    }  # fmt: skip
    for column, (group, summary) in summaries.items():
        values = here[here["group"] == group].groupby("metric")["value"].agg(summary)
        result[column] = values.reindex(result["metric"]).to_numpy()
    return result.fillna({"cases": 0, "structures": 0}).astype({"cases": int, "structures": int})


def _by_group(table: pd.DataFrame, level: Level) -> pd.DataFrame:
    parts = []
    for grouping in GROUPINGS:
        for name, rows in scored(table).groupby(grouping, sort=True):
            part = _figures(rows, level)
            part.insert(1, "group", grouping)
            part.insert(2, "name", str(name))
            parts.append(part)
    return _concatenated(parts)


def _figures(table: pd.DataFrame, level: Level) -> pd.DataFrame:
    """One row per metric."""
    import pandas as pd

    predicted, truth = _arrays(table)
    return pd.DataFrame(
        {
            "level": level,
            "metric": list(METRICS),
            "value": compute(predicted, truth),
            "n": len(table),
            "poor": int((truth < POOR).sum()),
            "patients": int(table["patient"].nunique()),
            "mean_dice": truth.mean() if len(truth) else np.nan,
            "mean_predicted": predicted.mean() if len(predicted) else np.nan,
        }
    )


def _arrays(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return table["predicted"].to_numpy(float), table["dice"].to_numpy(float)


def _concatenated(parts: list[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _notes(slices: pd.DataFrame, resamples: int):
    unscored, patients = len(slices) - len(scored(slices)), slices["patient"].nunique()
    if unscored:
        yield (
            f"{unscored} of {len(slices)} masks have no prediction (the mask is empty, or its name is not in "
            "the model); they count in the true Dice of their organ, but in no figure by slice."
        )
    if patients == 1:
        yield "All masks are of one patient, so no interval can be given; evaluate on more patients."
    elif resamples and patients < FEW_PATIENTS:
        yield f"The intervals rest on {patients} patients only, so they are rough and more likely too narrow."
