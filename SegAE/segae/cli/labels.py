"""`segae name`: what a name is taken for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def name(
    query: Annotated[
        str, typer.Argument(metavar="NAME", help="An organ's name, an index, or a TotalSegmentator class.")
    ],
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            help="CSV table of own structures (name, index, laterality, synonyms, codes).",
        ),
    ] = None,
) -> None:
    """Say which structure of the label table a name stands for, and why."""
    from rich.console import Console

    from segae.labels.resolver import resolve
    from segae.labels.table import LabelTable

    found = resolve(query, table=None if labels is None else LabelTable.read(labels))
    Console().print(
        f"{found.structure.index} {found.structure.name}: {found.reason}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
