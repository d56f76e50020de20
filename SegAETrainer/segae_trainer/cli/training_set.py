"""`segae-train training-set`"""

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
            "share 20 pixels or more, and no masks made on purpose."
        ),
    ] = "whole",
    degraded: Annotated[
        float | None,
        typer.Option(min=0, help="True masks made wrong, for each slice of a pseudo label. [whole: 0.25]"),
    ] = None,
    exact: Annotated[
        float | None, typer.Option(min=0, help="True masks as they are, likewise. [whole: 0.02]")
    ] = None,
    wrong_name: Annotated[
        float | None, typer.Option(min=0, help="True masks under another name, likewise. [whole: 0.05]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the masks made on purpose.")] = 2026,
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
    from segae_trainer.data.index import read_index
    from segae_trainer.data.pairs import RULES
    from segae_trainer.data.training_set import FIGURE, STATISTICS

    weights = {"degraded": degraded, "exact": exact, "wrong_name": wrong_name}
    chosen = {name: weight for name, weight in weights.items() if weight is not None}
    sampling = replace(RULES[rule], seed=seed, **chosen)
    with progress_bar(Console(stderr=True)) as show:
        built = build_training_set(read_index(index), folder, sampling, workers=workers, watch=Watch(show))
    console = Console()
    print_training_set(console, built)
    for text in built.findings:
        print_sentence(console, text, "NOTE")
    print_sentence(console, f'The training set is "{folder}"; {STATISTICS} and {FIGURE} in it show its Dice.')
