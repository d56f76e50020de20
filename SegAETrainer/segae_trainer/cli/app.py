"""The typer application."""

from __future__ import annotations

import typer

from segae_trainer.cli import (
    experiment,
    index,
    pseudo_labels,
    starter,
    train,
    trained_model,
    training_set,
)

app = typer.Typer(
    name="segae-train",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def _segae_train() -> None:
    """Train models that predict the quality of organ masks, and measure how good they are."""


app.command("index")(index.index)
app.command("pseudo-labels")(pseudo_labels.pseudo_labels)
app.command("add-predictions")(pseudo_labels.add_predictions)
app.command("training-set")(training_set.training_set)
app.command("export-published")(training_set.export_published)
app.command("train")(train.train)
app.command("calibrate")(trained_model.calibrate)
app.command("evaluate")(trained_model.evaluate)
app.command("export")(trained_model.export)
app.command("starter")(starter.starter)
app.add_typer(experiment.app)
