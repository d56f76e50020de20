"""`segae-train evaluate`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    training_set: Annotated[Path, typer.Argument(metavar="SET", help="Folder of a training set.")],
    model: Annotated[
        list[str], typer.Option(help="A .safetensors file or a bundled name; several may be given.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for evaluation.html and the CSV files.")],
    suite: Annotated[
        list[str] | None,
        typer.Option(help="test, pseudo labels, erosion, dilation, degraded. Default: all the set has."),
    ] = None,
    split: Annotated[str, typer.Option(help="test, val or train.")] = "test",
    baselines: Annotated[
        bool, typer.Option(help="Put mask features and intensities, fitted here, into the same table.")
    ] = True,
    most: Annotated[
        int, typer.Option(min=1, help="Masks of a suite, about: whole organs are drawn.")
    ] = 20_000,
    resamples: Annotated[int, typer.Option(min=0, help="Draws of patients for the intervals.")] = 500,
    seed: Annotated[int, typer.Option(min=0)] = 2026,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
) -> None:
    """Measure how well models predict the Dice of masks: tables, figures and the worst misses on one page."""
    from rich.console import Console

    from segae.cli.output import check_folder, progress_bar
    from segae.progress import Watch
    from segae_trainer.cli.summary import print_sentence
    from segae_trainer.data.training_set import TrainingSet
    from segae_trainer.evaluate.baselines import BASELINES
    from segae_trainer.evaluate.run import EvaluationOptions, evaluate_models, notes, summary

    check_folder(out)
    options = EvaluationOptions(
        tuple(suite or ()), split, tuple(BASELINES) if baselines else (), most, resamples, seed, device
    )
    with progress_bar(Console(stderr=True)) as show:
        found = evaluate_models(TrainingSet.open(training_set), model, out, options, watch=Watch(show))
    console = Console()
    console.print(summary(found.evaluations))
    for note in notes(found.evaluations):
        print_sentence(console, note)
    print_sentence(console, f"Written: {found.files[0]}")
