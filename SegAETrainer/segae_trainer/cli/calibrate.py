"""`segae-train calibrate`"""

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
