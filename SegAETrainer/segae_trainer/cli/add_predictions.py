"""`segae-train add-predictions`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add_predictions(
    index: Annotated[Path, typer.Argument(help="Index of the scans (.json).")],
    folder: Annotated[
        Path, typer.Argument(help="Predictions: SCAN.nii.gz, or SCAN/ with a file for each structure.")
    ],
    source: Annotated[str | None, typer.Option(help="Who made them; default: the folder's name.")] = None,
    expert: Annotated[bool, typer.Option("--expert", help="People drew or corrected these masks.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Index with the pseudo labels; default: INDEX is brought up to date.")
    ] = None,
) -> None:
    """Take up the masks of any segmenter as pseudo labels."""
    from rich.console import Console

    from segae_trainer.cli.summary import print_findings, print_sentence, print_sources, without_repeats
    from segae_trainer.data.index import check_index_path, read_index, write_index
    from segae_trainer.pseudo_labels import add_predictions

    check_index_path(out or index)
    before = read_index(index)
    found = without_repeats(add_predictions(before, folder, source, expert=expert))
    written, _ = write_index(found, out or index)
    console = Console()
    print_sources(console, found)
    print_findings(console, [f for f in found.findings if f not in before.findings], written)
    print_sentence(console, f'The index with its pseudo labels is in "{written}".')
