"""The figures that matter most, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from segae_trainer.evaluation.evaluation import Evaluation
from segae_trainer.evaluation.metrics import METRICS
from segae_trainer.evaluation.page.format import number

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = ("lcc", "mae", "bias", "auroc_70")


def summary(evaluations: Sequence[Evaluation]) -> Table:
    """One line per suite, level and method."""
    from rich import box
    from rich.table import Table

    table = Table(
        "suite", "level", "method", "n", *(METRICS[key].label for key in SHOWN), box=box.SIMPLE_HEAD
    )
    for evaluation in evaluations:
        for level in evaluation.levels:
            rows = [evaluation.row(key, level) for key in SHOWN]
            figures = [
                number(row["value"], signed=METRICS[key].better == "zero")
                for key, row in zip(SHOWN, rows, strict=True)
            ]
            table.add_row(evaluation.suite, level, evaluation.method, str(rows[0]["n"]), *figures)
    return table
