"""`segae-train train`"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class RecipeName(str, Enum):
    """The recipes, as the help shows them."""

    segae = "segae"
    published = "published"


_TRAINED, _MACHINE, _RECIPE = "What to start from", "Machine", "Changes to the recipe"


def train(
    training_set: Annotated[Path, typer.Argument(metavar="SET", help="Folder of the training set.")],
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of this training; one that was begun goes on.")
    ],
    recipe: Annotated[
        RecipeName,
        typer.Option(help="segae: the model that ships, Dice of the whole slice; published: the paper's."),
    ] = RecipeName.segae,
    name: Annotated[str | None, typer.Option(help="The model's name. Default: the folder's.")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the model, written into it.")] = "not stated",
    description: Annotated[str, typer.Option(help="A sentence on the model, written into it.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Everything random follows from it.")] = 2026,
    patience: Annotated[
        int | None, typer.Option(min=1, help="End after so many epochs without a better LCC.")
    ] = None,
    val_samples: Annotated[
        int | None, typer.Option(min=2, help="Validate on at most so many slices, one per mask.")
    ] = 2000,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="published: resnet18 to resnet152; segae: small, base, wide.", rich_help_panel=_RECIPE
        ),
    ] = None,
    input_size: Annotated[int | None, typer.Option(min=16, rich_help_panel=_RECIPE)] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of the recipe published.", rich_help_panel=_RECIPE)
    ] = None,
    steps: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="Of the recipe segae: twice, on small and on whole images.", rich_help_panel=_RECIPE
        ),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=2, help="Slices per step, all devices.", rich_help_panel=_RECIPE)
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(rich_help_panel=_RECIPE)] = None,
    weight_decay: Annotated[float | None, typer.Option(min=0, rich_help_panel=_RECIPE)] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="A model (.safetensors) to go on from.", rich_help_panel=_TRAINED),
    ] = None,
    imagenet: Annotated[
        bool | None,
        typer.Option(
            "--imagenet/--no-imagenet",
            help="Insist on ImageNet weights, or do without. Default: take them when they can be had.",
            rich_help_panel=_TRAINED,
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            help="Vectors of the names: label_embedding.pkl, or a model. Default: a sentence encoder's.",
            rich_help_panel=_TRAINED,
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.", rich_help_panel=_MACHINE)] = (
        "auto"
    ),
    devices: Annotated[
        int, typer.Option(min=1, help="GPUs that share each batch.", rich_help_panel=_MACHINE)
    ] = 1,
    precision: Annotated[
        str, typer.Option(help="auto, 32-true, 16-mixed, bf16-mixed.", rich_help_panel=_MACHINE)
    ] = "auto",
    accumulate: Annotated[
        int, typer.Option(min=1, help="Compute a batch in so many parts.", rich_help_panel=_MACHINE)
    ] = 1,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that prepare slices.", rich_help_panel=_MACHINE)
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the training set's patches, rendered once. Default: on a CPU RUN/rendered, on a "
            "GPU none.",
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    keep_every_steps: Annotated[
        int, typer.Option(min=1, help="Steps between checkpoints.", rich_help_panel=_MACHINE)
    ] = 1000,
    keep_every_seconds: Annotated[
        float, typer.Option(min=0, help="Seconds between checkpoints.", rich_help_panel=_MACHINE)
    ] = 120.0,
) -> None:
    """Train a network on a training set; run it again after an interruption, and it goes on.

    Ctrl-C, or a file called "stop" in RUN, ends it after its step. RUN/model.safetensors holds the moving
    average of the weights (segae), or those of the epoch with the best linear correlation (published).
    """
    from rich.console import Console

    from segae.cli.output import progress_bar
    from segae.progress import Watch
    from segae_trainer.cli.summary import told_figures
    from segae_trainer.data.training_set import TrainingSet
    from segae_trainer.evaluate.baselines import against_mask_features
    from segae_trainer.train.recipes import resolve_recipe
    from segae_trainer.train.run import is_first_process
    from segae_trainer.train.run import train as run_training
    from segae_trainer.train.settings import Machine, TrainingSettings
    from segae_trainer.train.start import backbone_of

    resolved = resolve_recipe(
        recipe.value,
        backbone=backbone or (None if weights is None else backbone_of(weights)),
        input_size=input_size,
        epochs=epochs,
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
    )
    settings = TrainingSettings(
        recipe=resolved,
        name=name,
        seed=seed,
        weights=weights,
        imagenet="try" if imagenet is None else "demand" if imagenet else "no",
        names=names,
        patience=patience,
        val_samples=val_samples,
        licence=licence,
        description=description,
        machine=Machine(
            device, devices, precision, accumulate, workers, cache, keep_every_steps, keep_every_seconds
        ),
    )
    pairs = TrainingSet.open(training_set)
    with progress_bar(Console(stderr=True)) as show:
        model = run_training(
            settings, pairs, run, watch=Watch(show), say=lambda text: typer.echo(text, err=True)
        )
    if is_first_process():
        typer.echo(f"model: {model}")
        typer.echo(told_figures(model), err=True)
        if len(pairs.rows("val")):
            typer.echo(against_mask_features(model, pairs, device), err=True)
