"""`segae-train pseudo-labels` and `add-predictions`: the masks that a model learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def pseudo_labels(
    index: Annotated[Path, typer.Argument(help="Index of the scans (.json).")],
    workspace: Annotated[Path, typer.Argument(help="Folder for data, checkpoints and predictions.")],
    out: Annotated[
        Path | None, typer.Option(help="Index with the pseudo labels; default: INDEX is brought up to date.")
    ] = None,
    segmenter: Annotated[
        Literal["stunet", "small-unet"],
        typer.Option(help="STU-Net in nnU-Net; or small U-Nets, each slice by one trained on others (CPU)."),
    ] = "stunet",
    size: Annotated[str, typer.Option(help="STU-Net: S, B, L or H.")] = "B",
    weights: Annotated[Path | None, typer.Option(help="Weights to start from; default: random ones.")] = None,
    keep: Annotated[
        list[int] | None,
        typer.Option(
            help="Epoch whose checkpoint predicts; may be repeated, the last one ends the training. Default: "
            "10 20 30 40 50 100 200 300 400 500; steps of small-unet: 300 900 2000."
        ),
    ] = None,
    iterations: Annotated[int, typer.Option(min=1, help="Batches of an epoch.")] = 250,
    val_iterations: Annotated[int, typer.Option(min=1, help="Batches that watch an epoch.")] = 50,
    learning_rate: Annotated[float, typer.Option(help="1e-3 from published weights, 1e-2 from none.")] = 1e-3,
    save_every: Annotated[
        int, typer.Option(min=1, help="Epochs between checkpoints from which it goes on.")
    ] = 10,
    patch: Annotated[
        tuple[int, int, int], typer.Option(help="Voxels of a training example, slices first.")
    ] = (128, 128, 128),
    batch: Annotated[int, typer.Option(min=1, help="Training examples at once.")] = 2,
    spacing: Annotated[tuple[float, float, float], typer.Option(help="Voxel size in mm, slices first.")] = (
        1.5,
        1.5,
        1.5,
    ),
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes; default: as nnU-Net sees fit.")
    ] = None,
    device: Annotated[Literal["cuda", "cpu", "mps"], typer.Option()] = "cuda",
    gpus: Annotated[int, typer.Option(min=1)] = 1,
    layout: Annotated[
        Literal["labels", "structures"],
        typer.Option(help="A label map for each scan and checkpoint, or a file for each structure."),
    ] = "labels",
    stage: Annotated[
        list[str] | None, typer.Option(help="Only this stage: plan, train or predict; may be repeated.")
    ] = None,
) -> None:
    """Train a segmenter on the scans, and predict every scan by every checkpoint that is kept.

    Run it again after an interruption: it goes on where it was.
    """
    from rich.console import Console

    from segae.cli.output import progress_bar
    from segae.errors import InputError
    from segae.progress import Watch
    from segae_trainer.cli.summary import print_findings, print_sentence, print_sources, without_repeats
    from segae_trainer.data.index import check_index_path, read_index, write_index
    from segae_trainer.pseudo_labels import FineTuning, make_pseudo_labels
    from segae_trainer.pseudo_labels.fine_tuning import STAGES, Stage
    from segae_trainer.pseudo_labels.options import KEPT_EPOCHS
    from segae_trainer.pseudo_labels.small_unet import SegmenterPlan, add_small_unet

    options = FineTuning(
        size=size,
        weights=weights,
        kept_epochs=tuple(keep) if keep else KEPT_EPOCHS,
        iterations=iterations,
        val_iterations=val_iterations,
        learning_rate=learning_rate,
        save_every=save_every,
        patch=patch,
        batch=batch,
        spacing=spacing,
        workers=workers,
        device=device,
        gpus=gpus,
    )
    unknown = next((name for name in stage or () if name not in STAGES), None)
    if unknown is not None:
        raise InputError(f'There is no stage "{unknown}"; choose from {", ".join(STAGES)}.')
    stages: list[Stage] = [known for known in STAGES if not stage or known in stage]
    check_index_path(out or index)
    before = read_index(index)
    with progress_bar(Console(stderr=True)) as show:
        if segmenter == "small-unet":
            plan = SegmenterPlan() if keep is None else SegmenterPlan(kept=tuple(sorted(keep)))
            found = add_small_unet(before, workspace, plan, Watch(show))
        else:
            found = make_pseudo_labels(
                before, workspace, options, layout=layout, stages=stages, watch=Watch(show)
            )
    found = without_repeats(found)
    written, _ = write_index(found, out or index)
    console = Console()
    print_sources(console, found)
    print_findings(console, [f for f in found.findings if f not in before.findings], written)
    print_sentence(console, f'The index with its pseudo labels is in "{written}".')


def add_predictions(
    index: Annotated[Path, typer.Argument(help="Index of the scans (.json).")],
    folder: Annotated[
        Path, typer.Argument(help="Predictions: SCAN.nii.gz, or SCAN/ with a file for each structure.")
    ],
    source: Annotated[str | None, typer.Option(help="Who made them; default: the folder's name.")] = None,
    expert: Annotated[bool, typer.Option("--expert", help="People drew or corrected these masks.")] = False,
    names: Annotated[
        Path | None,
        typer.Option(help="What the values of label maps stand for: a file, or a scheme (dap, amos, ...)."),
    ] = None,
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
    found = without_repeats(add_predictions(before, folder, source, expert=expert, names=names))
    written, _ = write_index(found, out or index)
    console = Console()
    print_sources(console, found)
    print_findings(console, [f for f in found.findings if f not in before.findings], written)
    print_sentence(console, f'The index with its pseudo labels is in "{written}".')
