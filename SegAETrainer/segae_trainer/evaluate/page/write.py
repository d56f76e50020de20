"""The page: its tables of numbers, and how it is put together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segae.files import whole_file
from segae_trainer.data.sample import Sample
from segae_trainer.evaluate.evaluation import (
    FEW_PATIENTS,
    LEAST_IN_GROUP,
    Evaluation,
    Level,
    interval_figures,
)
from segae_trainer.evaluate.metrics import METRICS, Metric, number
from segae_trainer.evaluate.page import figures
from segae_trainer.evaluate.page.figures import colour
from segae_trainer.evaluate.page.pictures import Miss, picture, worst_misses
from segae_trainer.evaluate.predictions import SIZES

if TYPE_CHECKING:
    import plotly.graph_objects as go


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


_LEVELS: Mapping[Level, str] = {"slice": "Per slice", "organ": "Per organ volume"}
_GROUPS = {
    "case": "By case", "size": "By size (larger of mask and truth)", "source": "By source of the mask",
    "kind": "By kind of mask", "structure": "By structure",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class SuiteResult:
    """All methods in one suite. `masks`: the masks in the order of the predictions, for pictures; None when
    they are not at hand. `shown`: names of the methods whose worst misses are drawn; None for all."""

    title: str
    description: str
    evaluations: tuple[Evaluation, ...]
    masks: Sequence[Sample] | None = None
    shown: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Heading:
    """`facts`: what was evaluated, label and value. `notes`: sentences that a reader must see."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = field(default=())


def write_page(results: Sequence[SuiteResult], heading: Heading, path: str | Path) -> Path:
    """Write one HTML file with everything in it, scripts and pictures included; returns its path. Raises
    `OutputError` when it cannot be written."""
    path = Path(path)
    text = page(results, heading)
    with whole_file(path) as stream:
        stream.write(text.encode())
    return path


def page(results: Sequence[SuiteResult], heading: Heading) -> str:
    """The HTML text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from plotly.offline import get_plotlyjs

    environment = Environment(
        loader=PackageLoader("segae_trainer.evaluate", "page"),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html.j2").render(
        heading=heading,
        suites=[_suite(place, result) for place, result in enumerate(results)],
        metrics=METRICS.values(),
        group_metrics=[METRICS[key] for key in GROUP_METRICS],
        least=LEAST_IN_GROUP,
        few=FEW_PATIENTS,
        number=number,
        plotly_js=get_plotlyjs().replace("</script", "<\\/script"),
    )


def _suite(place: int, result: SuiteResult) -> dict[str, Any]:
    evaluations = result.evaluations
    levels: list[Level] = [
        level for level in evaluations[0].levels if all(level in e.levels for e in evaluations)
    ]
    return {
        "id": f"suite-{place}",
        "name": evaluations[0].suite,
        "title": result.title,
        "description": result.description,
        "notes": list(dict.fromkeys(note for e in evaluations for note in e.notes)),
        "methods": [(e.method, colour(i)) for i, e in enumerate(evaluations)],
        "levels": [_level(evaluations, level) for level in levels],
        "galleries": list(_galleries(result)),
    }


def _level(evaluations: Sequence[Evaluation], level: Level) -> dict[str, Any]:
    first = evaluations[0].row("mae", level)
    return {
        "key": level,
        "title": _LEVELS[level],
        "counts": f"{first['n']} masks of {first['patients']} patient{'s' * (first['patients'] != 1)}, "
        f"{first['poor']} of them with Dice < 0.7",
        "rows": metric_rows(evaluations, level),
        "groups": [
            (title, rows)
            for name, title in _GROUPS.items()
            if (rows := group_rows(evaluations, level, name)) and (len(rows) > 1 or name == "case")
        ],
        "intervals": interval_rows(evaluations, level),
        "figures": [
            (title, note, figure_json(draw(evaluations, level))) for title, note, draw in _FIGURES
        ],
    }  # fmt: skip


def _bars(metric: str) -> Callable[[Sequence[Evaluation], Level], go.Figure]:
    label = METRICS[metric].label
    return lambda evaluations, level: figures.structure_bars(evaluations, level, metric, label)


_FIGURES: tuple[tuple[str, str, Callable[[Sequence[Evaluation], Level], go.Figure]], ...] = (
    ("Predicted against true Dice",
     "Solid: least squares fit; dashed: identity. At most 1500 points of each method are drawn, evenly "
     "spread; fit and LCC use all.", figures.scatter),
    ("Reliability", "Deciles of the prediction. Below the dashed line masks are flattered.",
     figures.reliability),
    ("Bland-Altman", "Solid: bias; dashed: limits of agreement, bias ± 1.96 standard deviations.",
     figures.bland_altman),
    ("Mean absolute error by structure", "The worst of the first method on top, at most 40.", _bars("mae")),
)  # fmt: skip


def _galleries(result: SuiteResult):
    """(method, heading, misses) for each method that is shown and misses something."""

    @cache  # two methods often miss the same mask
    def drawn(row: int) -> str | None:
        return None if result.masks is None else picture(result.masks[row])

    for evaluation in result.evaluations:
        if result.shown is not None and evaluation.method not in result.shown:
            continue
        for flattered, title in ((True, "predicted too high"), (False, "predicted too low")):
            misses: tuple[Miss, ...] = worst_misses(evaluation, drawn, flattered=flattered)
            if misses:
                yield evaluation.method, title, misses


def figure_json(figure: go.Figure) -> str:
    """JSON that may stand inside a script element."""
    text = figure.to_json()
    assert text is not None
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
