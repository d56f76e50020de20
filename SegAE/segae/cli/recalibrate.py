"""`segae recalibrate`: a model that learned from reviews."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from segae.scoring.recalibrate import Recalibration


def recalibrate(
    reviews: Annotated[
        list[Path],
        typer.Argument(
            metavar="REVIEW...",
            help="Files of reviewers (RESULTS/reviews/NAME.jsonl), or folders of results that were reviewed.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
    model: Annotated[
        str, typer.Option(help="The model whose scores were reviewed: bundled by name, or a file.")
    ] = "bundled",
) -> None:
    """Fit calibration, intervals and thresholds of a model anew, from masks that were accepted or corrected.

    The network stays as it is. Use the new file with --model.
    """
    from rich.console import Console

    from segae.labels.table import LabelTable
    from segae.models.checkpoint import read_spec
    from segae.scoring.recalibrate import learn_from_reviews

    found = learn_from_reviews(model, reviews, out)
    console = Console()
    text = (
        f"Learned from {found.masks} masks of {found.cases} cases, {found.accepted} of them accepted and "
        f"{found.masks - found.accepted} corrected."
    )
    console.print(text, soft_wrap=True, highlight=False, markup=False)
    console.print(_held_table(found))
    if found.thresholds:
        table = LabelTable.from_json(read_spec(out).own_structures)
        named = ", ".join(
            f"{table.by_index(index).name} {value:.2f}" for index, value in found.thresholds.items()
        )
        console.print(f"Poor below, by structure: {named}.", soft_wrap=True, highlight=False, markup=False)
    console.print(str(out), soft_wrap=True, highlight=False, markup=False)


def _held_table(found: Recalibration) -> Table:
    """Before and after, on cases left out of the fit."""
    from rich import box
    from rich.table import Table

    table = Table("on cases left out", "", box=box.SIMPLE_HEAD)
    for name in ("intervals hold", "mean width", "MAE", "n"):
        table.add_column(name, justify="right")
    for level, before in found.before.items():
        for when, held in (("before", before), ("after", found.after[level])):
            share = "-" if held.coverage is None else f"{held.coverage:.0%}"
            width = "-" if held.width is None else f"{held.width:.2f}"
            name = {"slice": "slices", "organ": "masks"}[level] if when == "before" else ""
            table.add_row(name, when, share, width, f"{held.mae:.3f}", f"{held.n:,}" if name else "")
    return table
