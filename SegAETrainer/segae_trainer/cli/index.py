"""`segae-train index`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def index(
    ct: Annotated[
        Path, typer.Option(help="Folder of AutoPET CTs, TotalSegmentator cases, or published samples.")
    ],
    out: Annotated[Path, typer.Option(help="The index to write (.json; a table .csv goes beside it).")],
    masks: Annotated[Path | None, typer.Option(help="Folder of DAP Atlas masks, with AutoPET CTs.")] = None,
    layout: Annotated[
        Literal["autopet", "totalsegmentator", "published", "nnunet"] | None,
        typer.Option(help="How the folders are arranged, if that is not recognised."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV of structures beyond the 145: index, name, laterality, synonyms, codes. All later "
            "steps and the model take it from the index."
        ),
    ] = None,
    structure: Annotated[
        list[str] | None, typer.Option(help="Keep this structure, which must be found; may be repeated.")
    ] = None,
    val: Annotated[float, typer.Option(help="Share of the patients to validate on.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of the patients to test on.")] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Of the split by patient.")] = 2026,
    new_split: Annotated[
        bool, typer.Option("--new-split", help="Split anew also where the folders come with a split.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that open the scans.")] = 1,
) -> None:
    """Find which CT belongs to which masks, check that they fit, and split them by patient."""
    from rich.console import Console

    from segae.cli.output import progress_bar
    from segae.progress import Watch
    from segae_trainer.cli.summary import print_findings, print_index, print_sentence
    from segae_trainer.data.find_scans import build_index
    from segae_trainer.data.index import Shares, check_index_path, read_label_table, write_index

    check_index_path(out)
    with progress_bar(Console(stderr=True)) as show:
        found = build_index(
            ct,
            masks,
            layout=layout,
            label_table=read_label_table(labels),
            structures=structure or None,
            shares=Shares(val, test),
            seed=seed,
            keep_split=not new_split,
            workers=workers,
            watch=Watch(show),
        )
    written, table = write_index(found, out)
    console = Console()
    print_index(console, found)
    print_findings(console, found.findings, written)
    print_sentence(console, f'The index is in "{written}", and as a table in "{table}".')
