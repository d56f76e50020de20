"""`segae-train training-set` and `export-published`: what is made of an index."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def training_set(
    index: Annotated[Path, typer.Argument(help="Index of the scans with their pseudo labels (.json).")],
    folder: Annotated[Path, typer.Argument(help="The training set to write: a new folder.")],
    rule: Annotated[
        Literal["whole", "published"],
        typer.Option(
            help="whole: every slice in which mask or truth has a pixel; published: those in which they "
            "share 20 pixels or more, and no synthetic errors."
        ),
    ] = "whole",
    repeats: Annotated[
        int | None,
        typer.Option(min=0, help="Synthetic errors of each organ in each slice to train on. [whole: 1]"),
    ] = None,
    painted: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of these shown on a CT painted from the masks. [0.35]"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the synthetic errors.")] = 2026,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the scans.")] = 1,
) -> None:
    """Bring scans, pseudo labels and true masks into the form that a training reads.

    Run it again after an interruption: it goes on where it was.
    """
    from dataclasses import replace

    from rich.console import Console

    from segae.cli.output import progress_bar
    from segae.progress import Watch
    from segae_trainer.cli.summary import print_sentence, print_training_set
    from segae_trainer.data.build_set import build_training_set
    from segae_trainer.data.draw_samples import RULES
    from segae_trainer.data.index import read_index
    from segae_trainer.data.training_set import FIGURE, STATISTICS

    given = {"repeats": repeats, "fine_repeats": repeats, "coarse_repeats": repeats, "painted": painted}
    chosen = {name: value for name, value in given.items() if value is not None}
    sampling = replace(RULES[rule], seed=seed, **chosen)
    with progress_bar(Console(stderr=True)) as show:
        built = build_training_set(read_index(index), folder, sampling, workers=workers, watch=Watch(show))
    console = Console()
    print_training_set(console, built)
    for text in built.findings:
        print_sentence(console, text, "NOTE")
    print_sentence(console, f'The training set is "{folder}"; {STATISTICS} and {FIGURE} in it show its Dice.')


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
