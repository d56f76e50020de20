"""`segae merge`: the tables of a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segae.cli import options as opt
from segae.results.bins import POOR


def merge(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder that was given to `segae batch --out`.")
    ],
    threshold: opt.Threshold = POOR,
    order: opt.OrderOption = "review",
    limit: Annotated[int | None, typer.Option(min=1, help="Rows per ranking; all when left out.")] = None,
) -> None:
    """Write scores.parquet, scores_wide.csv, the rankings and failed.csv into FOLDER."""
    from rich.console import Console

    from segae.batch.merge import merge as merge_results

    files = merge_results(folder, threshold=threshold, order=order, limit=limit)
    for path in files.copies:
        text = f'"{path}" repeats a case of another file and is left out; remove it.'
        Console(stderr=True).print(text, soft_wrap=True, highlight=False, markup=False)
    console = Console()
    for path in (files.long, files.wide, *files.rankings, files.failures):
        console.print(str(path), soft_wrap=True, highlight=False, markup=False)
