"""The typer application: one file per command."""

from __future__ import annotations

import typer

from segae_trainer.cli import (
    add_predictions,
    calibrate,
    evaluate,
    experiment,
    export,
    export_published,
    index,
    pseudo_labels,
    starter,
    train,
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
app.command("add-predictions")(add_predictions.add_predictions)
app.command("training-set")(training_set.training_set)
app.command("export-published")(export_published.export_published)
app.command("train")(train.train)
app.command("calibrate")(calibrate.calibrate)
app.command("evaluate")(evaluate.evaluate)
app.command("export")(export.export)
app.command("starter")(starter.starter)
app.add_typer(experiment.app)
