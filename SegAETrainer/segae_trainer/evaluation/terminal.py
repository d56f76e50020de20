"""The figures that matter most, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from segae_trainer.evaluation.evaluation import Evaluation, Level
from segae_trainer.evaluation.metrics import METRICS
from segae_trainer.evaluation.page.format import number

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = ("lcc", "mae", "bias", "auroc_70")


def summary(evaluations: Sequence[Evaluation]) -> Table:
    """A heading for each suite and level, and below it a line for each method; fits into 80 columns."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("method")
    for name in ("n", *(METRICS[key].label for key in SHOWN)):
        table.add_column(name, justify="right", no_wrap=True)
    for suite in dict.fromkeys(evaluation.suite for evaluation in evaluations):
        same = [evaluation for evaluation in evaluations if evaluation.suite == suite]
        for level in dict.fromkeys(level for evaluation in same for level in evaluation.levels):
            table.add_row(f"[bold]{suite}, by {level}[/]")
            for evaluation in same:
                if level in evaluation.levels:
                    table.add_row(*_line(evaluation, level))
    return table


def notes(evaluations: Sequence[Evaluation]) -> list[str]:
    """The notes, each once, behind the suites that they are about unless it is all of them."""
    about: dict[str, list[str]] = {}
    for evaluation in evaluations:
        for note in evaluation.notes:
            suites = about.setdefault(note, [])
            suites += [evaluation.suite] if evaluation.suite not in suites else []
    everywhere = {evaluation.suite for evaluation in evaluations}
    return [
        note if set(suites) == everywhere else f"{', '.join(suites)}: {note}"
        for note, suites in about.items()
    ]


def _line(evaluation: Evaluation, level: Level) -> list[str]:
    from rich.markup import escape

    rows = [evaluation.row(key, level) for key in SHOWN]
    figures = [
        number(row["value"], signed=METRICS[key].better == "zero")
        for key, row in zip(SHOWN, rows, strict=True)
    ]
    return [f"  {escape(evaluation.method)}", f"{rows[0]['n']:,}", *figures]
