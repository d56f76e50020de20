"""`segae-train calibrate`, `evaluate` and `export`: what is done with a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def calibrate(
    training_set: Annotated[Path, typer.Argument(metavar="SET", help="Folder of a training set.")],
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished training.")],
    split: Annotated[
        str, typer.Option(help="val or test: patients that the model was not trained on.")
    ] = "val",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
) -> None:
    """Fit calibration and intervals of a model on patients that it was not trained on:
    RUN/calibration.json."""
    from rich.console import Console

    from segae.cli.output import progress_bar
    from segae.progress import Watch
    from segae_trainer.cli.summary import print_sentence, print_table
    from segae_trainer.data.training_set import TrainingSet
    from segae_trainer.evaluate.calibration import calibrate as fit
    from segae_trainer.train.run_folder import RunFolder

    folder = RunFolder(run)
    with progress_bar(Console(stderr=True)) as show:
        found = fit(
            folder.model, TrainingSet.open(training_set), folder.calibration, split=split, device=device,
            watch=Watch(show),
        )  # fmt: skip
    console = Console()
    rows = [
        (level, *(figures["mean"][key] for key in ("coverage", "width", "mae_raw", "mae")))
        for level, figures in found["unseen"].items()
    ]
    if rows:
        print_table(console, ("patient left out", "coverage", "width", "MAE raw", "MAE calibrated"), rows)
    else:
        print_sentence(
            console, "All masks are of one patient: nobody is left to check the intervals on.", "NOTE"
        )
    print_sentence(
        console, f'The calibration is in "{folder.calibration}"; `segae-train export` writes it into a model.'
    )


def evaluate(
    training_set: Annotated[Path, typer.Argument(metavar="SET", help="Folder of a training set.")],
    model: Annotated[
        list[str], typer.Option(help="A .safetensors file or a bundled name; several may be given.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for evaluation.html and the CSV files.")],
    suite: Annotated[
        list[str] | None,
        typer.Option(
            help="network, expert, network published, synthetic, synthetic wrong names, "
            "synthetic erosion, synthetic dilation. Default: all the set has masks for."
        ),
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
    from segae_trainer.evaluate.baselines import against_mask_features
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
        card_notes = Notes() if notes is None else Notes.read(notes)
        suites = suites_of(("network", "expert", "synthetic", "synthetic wrong names"))
        with progress_bar(Console(stderr=True)) as show:
            method, samples = NetworkMethod(out, device), TrainingSet.open(training_set)
            tables = tables_of(method, samples, split, suites, watch=Watch(show))
        write_card(card, finished.spec, tables, card_notes)
        print_sentence(console, f'Its card is "{card}".')
