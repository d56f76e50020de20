"""The tables of the model card, as rows of cells, from tables of predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from segae_trainer.evaluate.bootstrap import percentile_interval, resample_patients
from segae_trainer.evaluate.calibration import organ_name
from segae_trainer.evaluate.goals import GOOD, SECOND, Evidence, measured, where
from segae_trainer.evaluate.metrics import (
    Metric,
    calibration_bins,
    compute,
    coverage,
    mean_width,
    metric_named,
)
from segae_trainer.evaluate.predictions import INTERVAL, RAW

if TYPE_CHECKING:
    import pandas as pd

    Tables = Mapping[str, pd.DataFrame]

AGREEMENTS = ("synthetic", "network", organ_name("network"), SECOND, organ_name(SECOND))
LOW, HIGH = INTERVAL
SHOWN = "predicted"
Row = Sequence[object]
LEAST_IN_GROUP = 20  # masks of a structure that gets a row of its own
_COMPARED = tuple(map(metric_named, ("lcc", "mae", "bias", "auroc_70")))
_BY_ORGAN = tuple(map(metric_named, ("mae", "bias")))

GOALS_HEAD = ("figure", "requested", "aim", "measured", "reached", "calibrated")
COMPARED_HEAD = ("masks", "method", "n", *(m.label for m in _COMPARED), f"mean score of Dice > {GOOD}")
CASES_HEAD = (
    "masks",
    "patient",
    "scan",
    "n",
    "true Dice",
    "score",
    *(m.label for m in _COMPARED),
    "in interval",
)
ORGANS_HEAD = ("structure", "patients", "n", "true Dice", "score", "LCC", "MAE", "Bias")
KINDS_HEAD = ("kind", "n", "true Dice", "score", "MAE")
BINS_HEAD = ("masks", "scores from", "to", "n", "mean score", "mean true Dice")
INTERVALS_HEAD = ("masks", "n", "in the interval", "mean width", "MAE raw", "MAE calibrated")


def goal_rows(evidence: Evidence) -> Iterator[Row]:
    """What was requested, aimed at, measured of all patients, and of each scan (`GOALS_HEAD` and the
    scans)."""
    for one in measured(evidence):
        goal, percent = one.goal, "%" in one.goal.requested
        cases = (_values(values, percent) for values in one.cases.values())
        numbers = _values(one.pooled, percent), goal.reached(one.pooled), _values(one.shown, percent)
        yield goal.name, goal.requested, goal.aim, *numbers, *cases


def compared_rows(methods: Mapping[str, Tables]) -> Iterator[Row]:
    """The methods on the same masks, with intervals over patients (`COMPARED_HEAD`)."""
    for suite in AGREEMENTS:
        for method, tables in methods.items():
            if suite in tables:
                table = _scored(tables[suite])
                best = table.loc[table["dice"] > GOOD, RAW]
                yield suite, method, len(table), *_with_intervals(table, _COMPARED), _number(best.mean())


def case_rows(tables: Tables) -> Iterator[Row]:
    """Each scan of each patient by itself, and all together (`CASES_HEAD`)."""
    for suite in AGREEMENTS:
        if suite in tables:
            table = _scored(tables[suite])
            for case, part in table.groupby("case", sort=True):
                yield suite, part["patient"].iloc[0], case, *_case_figures(part)
            yield suite, "all", "all", *_case_figures(table)


def organ_rows(table: pd.DataFrame | None) -> Iterator[Row]:
    """Each structure, with intervals over patients; then the rare ones together (`ORGANS_HEAD`)."""
    if table is None:
        return
    table = _scored(table)
    structures = table["structure"].to_numpy(str)
    _, place, counts = np.unique(structures, return_inverse=True, return_counts=True)
    often = counts[place] >= LEAST_IN_GROUP
    for name, part in where(table, often).groupby("structure", sort=True):
        yield name, *_organ_figures(part)
    if not often.all():
        yield f"all with fewer than {LEAST_IN_GROUP} masks", *_organ_figures(where(table, ~often))


def kind_rows(table: pd.DataFrame) -> Iterator[Row]:
    """The kinds of degraded masks (`KINDS_HEAD`)."""
    for kind, part in _scored(table).groupby("kind", sort=True):
        error = np.abs(part[RAW] - part["dice"]).mean()
        yield kind, len(part), *_means(part), _number(error)


def bin_rows(tables: Tables) -> Iterator[Row]:
    """The numbers of the reliability plot, raw scores (`BINS_HEAD`)."""
    for suite in AGREEMENTS:
        if suite in tables:
            for one in calibration_bins(*_arrays(_scored(tables[suite]))):
                yield (
                    suite,
                    *map(_number, (one.low, one.high)),
                    one.n,
                    _number(one.predicted),
                    _number(one.truth),
                )


def interval_rows(tables: Tables) -> Iterator[Row]:
    """How often the intervals of the other patients' tables hold (`INTERVALS_HEAD`)."""
    for suite in AGREEMENTS:
        if suite in tables and np.isfinite(tables[suite][LOW]).any():
            table = tables[suite].dropna(subset=[LOW])
            low, high, truth = (table[name].to_numpy(float) for name in (LOW, HIGH, "dice"))
            errors = [float((table[name] - table["dice"]).abs().mean()) for name in (RAW, SHOWN)]
            shares = f"{coverage(low, high, truth):.1%}", _number(mean_width(low, high))
            yield suite, len(table), *shares, *map(_number, errors)


def markdown(head: Row, rows: Iterable[Row]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _case_figures(table: pd.DataFrame) -> Row:
    low, high, truth = (table[name].to_numpy(float) for name in (LOW, HIGH, "dice"))
    there = np.isfinite(low)
    held = f"{coverage(low[there], high[there], truth[there]):.1%}" if there.any() else ""
    figures = map(_number, compute(*_arrays(table), _COMPARED))
    return len(table), *_means(table), *figures, held


def _organ_figures(table: pd.DataFrame) -> Row:
    lcc = compute(*_arrays(table), (metric_named("lcc"),))[0]
    patients = table["patient"].nunique()
    return patients, len(table), *_means(table), _number(lcc), *_with_intervals(table, _BY_ORGAN)


def _with_intervals(table: pd.DataFrame, metrics: Sequence[Metric]) -> list[str]:
    predicted, truth = _arrays(table)
    values = compute(predicted, truth, metrics)
    names, place = np.unique(table["patient"].to_numpy(str), return_inverse=True)
    known: dict[bytes, np.ndarray] = {}

    def figures(rows: np.ndarray) -> np.ndarray:
        # Few patients: the same ones are drawn again and again.
        drawn = np.bincount(place[rows], minlength=len(names)).tobytes()
        if drawn not in known:
            known[drawn] = compute(predicted[rows], truth[rows], metrics)
        return known[drawn]

    replicates = resample_patients(names[place], figures)
    if not replicates.size:
        return [_number(value) for value in values]
    return [
        f"{_number(value)} ({_number(low)} to {_number(high)})" if np.isfinite(low) else _number(value)
        for value, (low, high) in zip(values, percentile_interval(replicates), strict=True)
    ]


def _means(table: pd.DataFrame) -> tuple[str, str]:
    return _number(table["dice"].mean()), _number(table[RAW].mean())


def _scored(table: pd.DataFrame) -> pd.DataFrame:
    return where(table, np.isfinite(table[RAW].to_numpy(float)))


def _arrays(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return table[RAW].to_numpy(float), table["dice"].to_numpy(float)


def _values(values: Sequence[float], percent: bool) -> str:
    """Several figures in one cell; nothing when none was measured."""
    if not np.isfinite(values).any():
        return ""
    return " / ".join(
        f"{value:.1%}" if percent and np.isfinite(value) else _number(value) for value in values
    )


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "-"
