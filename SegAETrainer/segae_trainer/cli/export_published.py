"""`segae-train export-published`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export_published(
    index: Annotated[Path, typer.Argument(help="Index of the scans with their pseudo labels (.json).")],
    folder: Annotated[Path, typer.Argument(help="Where SPLIT/SAMPLE/NAME_INDEX/*.nii.gz are written.")],
) -> None:
    """Write scans, true masks and pseudo labels in the layout of the published SegAE code.

    Run it again after an interruption: files that are there are kept.
    """
    from rich.console import Console

    from segae.cli.output import check_folder, progress_bar
    from segae.progress import Watch
    from segae_trainer.cli.summary import print_index, print_sentence
    from segae_trainer.data.index import read_index
    from segae_trainer.data.published_layout import write_published

    found = read_index(index)
    check_folder(folder)
    with progress_bar(Console(stderr=True)) as show:
        write_published(found.scans, folder, Watch(show))
    console = Console()
    print_index(console, found)
    print_sentence(console, f'The published layout of these scans is in "{folder}".')
