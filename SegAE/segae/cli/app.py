"""The typer application: one file per command."""

from __future__ import annotations

from typing import Annotated

import typer

from segae.cli import batch, export_seg, labels, merge, model, name_check, recalibrate, report, score, select

app = typer.Typer(
    name="segae",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from segae import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _segae(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Tells which organ mask in a CT is wrong, and in which slice, without a ground truth."""


app.command("score")(score.score)
app.command("batch")(batch.batch)
app.command("merge")(merge.merge)
app.command("report")(report.report)
app.command("select")(select.select)
app.command("recalibrate")(recalibrate.recalibrate)
app.command("export-seg")(export_seg.export_seg)
app.command("name")(labels.name)
app.command("name-check")(name_check.name_check)
app.add_typer(model.app, name="model")
