"""Numbers as the page shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segae_trainer.evaluate.evaluation import Evaluation, Level, interval_figures
from segae_trainer.evaluate.metrics import METRICS, Metric
from segae_trainer.evaluate.predictions import SIZES

NOT_DEFINED = "not defined"


def number(value: float, digits: int = 3, signed: bool = False) -> str:
    """Three digits after the point; "not defined" for NaN. A value that rounds to zero has no sign."""
    if not math.isfinite(value):
        return NOT_DEFINED
    rounded = round(value, digits) + 0.0  # -0.0 becomes 0.0
    return f"{rounded:{'+' if signed and rounded else ''}.{digits}f}"


def interval(low: float, high: float) -> str:
    """ "0.812 to 0.931"; "" where there is none."""
    return f"{number(low)} to {number(high)}" if math.isfinite(low) and math.isfinite(high) else ""


GROUP_METRICS = ("lcc", "mae", "bias")


@dataclass(frozen=True)
class Cell:
    """One number: as the page shows it, its interval, what single cases have, and whether no other method
    does better."""

    method: str
    metric: str
    text: str
    interval: str
    cases: str
    best: bool


@dataclass(frozen=True)
class MetricRow:
    metric: Metric
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class GroupRow:
    """`figures`: per method the texts of `GROUP_METRICS`."""

    name: str
    n: str
    mean_dice: str
    figures: tuple[tuple[str, ...], ...]


def metric_rows(evaluations: Sequence[Evaluation], level: Level) -> tuple[MetricRow, ...]:
    """Every metric with the value of each method."""
    result = []
    for metric in METRICS.values():
        rows = [evaluation.row(metric.key, level) for evaluation in evaluations]
        best = _best(metric, [row["value"] for row in rows])
        cells = tuple(
            Cell(
                evaluation.method, metric.key, _text(metric, row["value"]), interval(row["low"], row["high"]),
                _cases(row), place in best,
            )
            for place, (evaluation, row) in enumerate(zip(evaluations, rows, strict=True))
        )  # fmt: skip
        result.append(MetricRow(metric, cells))
    return tuple(result)


def group_rows(evaluations: Sequence[Evaluation], level: Level, group: str) -> tuple[GroupRow, ...]:
    """n, mean true Dice and each method's figures by `group`; cases and sources by name, sizes by size."""
    names: list[str] = []
    tables = []
    for evaluation in evaluations:
        here = (evaluation.groups["level"] == level) & (evaluation.groups["group"] == group)
        table = evaluation.groups.take(np.flatnonzero(here))
        tables.append(table.set_index(["name", "metric"]))
        names += [name for name in dict.fromkeys(table["name"]) if name not in names]
    names.sort(key=lambda name: (SIZES.index(name) if name in SIZES else 0, name))
    rows = []
    for name in names:
        first = next(table.loc[(name, "mae")] for table in tables if (name, "mae") in table.index)
        figures = tuple(
            tuple(
                _text(METRICS[key], float(table["value"].get((name, key), np.nan))) for key in GROUP_METRICS
            )
            for table in tables
        )
        rows.append(GroupRow(name, str(int(first["n"])), number(float(first["mean_dice"])), figures))
    return tuple(rows)


def interval_rows(evaluations: Sequence[Evaluation], level: Level) -> tuple[tuple[str, str, str, str], ...]:
    """Method, n, coverage and mean width of predicted intervals, of the methods that have them."""
    rows = []
    for evaluation in evaluations:
        table = interval_figures(evaluation)
        for row in table.take(np.flatnonzero(table["level"] == level)).to_dict("records"):
            rows.append(
                (
                    evaluation.method,
                    str(row["n"]),
                    number(float(row["coverage"])),
                    number(float(row["width"])),
                )
            )
    return tuple(rows)


def _text(metric: Metric, value: float) -> str:
    return number(value, signed=metric.better == "zero")


def _cases(row: dict[str, float]) -> str:
    if row["cases"] < 2:
        return ""
    return f"{number(row['case_median'])} ({number(row['case_least'])} to {number(row['case_most'])})"


def _best(metric: Metric, values: list[float]) -> set[int]:
    """Places of the best values as they are shown; none for a single method."""
    sign = {"high": 1.0, "low": -1.0, "zero": -1.0}[metric.better]
    goodness = [sign * round(abs(value) if metric.better == "zero" else value, 3) for value in values]
    defined = [good for good in goodness if np.isfinite(good)]
    if len(values) < 2 or not defined:
        return set()
    return {place for place, good in enumerate(goodness) if good == max(defined)}
