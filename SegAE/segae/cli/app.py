"""The typer application: one file per command."""

from __future__ import annotations

import typer

from segae.cli import batch, labels, merge, model, score

app = typer.Typer(
    name="segae",
    help="Tells which organ mask in a CT is wrong, and in which slice, without a ground truth.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("score")(score.score)
app.command("batch")(batch.batch)
app.command("merge")(merge.merge)
app.command("name")(labels.name)
app.add_typer(model.app, name="model")
