"""The typer application: one file per command."""

from __future__ import annotations

import typer

from segae_trainer.cli import demo_model

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


app.command("demo-model")(demo_model.demo_model)
