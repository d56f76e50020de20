"""Puts the page together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segae.files import whole_file
from segae_trainer.data.sample import Sample
from segae_trainer.evaluate.evaluation import FEW_PATIENTS, LEAST_IN_GROUP, Evaluation, Level
from segae_trainer.evaluate.metrics import METRICS
from segae_trainer.evaluate.page import figures
from segae_trainer.evaluate.page.figures import colour
from segae_trainer.evaluate.page.pictures import Miss, picture, worst_misses
from segae_trainer.evaluate.page.tables import GROUP_METRICS, group_rows, interval_rows, metric_rows, number

if TYPE_CHECKING:
    import plotly.graph_objects as go

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
