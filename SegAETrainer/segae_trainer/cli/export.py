"""`segae-train export`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished training.")],
    out: Annotated[Path, typer.Argument(metavar="MODEL", help="The model file to write (.safetensors).")],
    card: Annotated[Path | None, typer.Option(help="The model card to write (.md).")] = None,
    training_set: Annotated[
        Path | None,
        typer.Option(metavar="SET", help="Training set on which the card's figures are measured."),
    ] = None,
    split: Annotated[str, typer.Option(help="Of that set: test, or val.")] = "test",
    notes: Annotated[
        Path | None,
        typer.Option(help="JSON with data, figures, limits, not_for, tried and sources for the card."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
) -> None:
    """Write the model of a training with its calibration, and its card."""
    from rich.console import Console

    from segae.cli.output import progress_bar
    from segae.errors import InputError
    from segae.models.checkpoint import save_checkpoint
    from segae.progress import Watch
    from segae_trainer.cli.summary import print_sentence
    from segae_trainer.data.training_set import TrainingSet
    from segae_trainer.evaluate.against_baseline import against_mask_features
    from segae_trainer.evaluate.calibration import read_calibration, tables_of, with_calibration
    from segae_trainer.evaluate.card import Notes, write_card
    from segae_trainer.evaluate.methods import NetworkMethod
    from segae_trainer.evaluate.suites import suites_of
    from segae_trainer.train.run_folder import RunFolder

    if out.suffix != ".safetensors":
        raise InputError(f'The model "{out}" must be a .safetensors file; give such a name.')
    if (card is None) != (training_set is None):
        raise InputError("A card needs figures: give --card and --training-set together.")
    folder = RunFolder(run)
    finished = with_calibration(folder.model, read_calibration(folder.calibration))
    save_checkpoint(finished, out)
    console = Console()
    print_sentence(console, f'The model is "{out}".')
    if training_set is not None:
        print_sentence(console, against_mask_features(out, TrainingSet.open(training_set), device, split))
    if card is not None and training_set is not None:
        told = Notes() if notes is None else Notes.read(notes)
        suites = suites_of(("network", "expert", "synthetic", "synthetic wrong names"))
        with progress_bar(Console(stderr=True)) as show:
            method, samples = NetworkMethod(out, device), TrainingSet.open(training_set)
            tables = tables_of(method, samples, split, suites, watch=Watch(show))
        write_card(card, finished.spec, tables, told)
        print_sentence(console, f'Its card is "{card}".')
