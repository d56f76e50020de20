"""`segae select`: which masks to annotate next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segae.cli import options as opt
from segae.results.bins import POOR


def select(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Folder given to --out of `segae batch` or `segae score`, or one report file.",
        ),
    ],
    budget: Annotated[int, typer.Option(min=1, help="Masks that you have time for.")] = 200,
    per_structure: Annotated[
        int | None, typer.Option(min=1, help="At most this many of one structure; a tenth of the budget.")
    ] = None,
    per_patient: Annotated[
        int | None, typer.Option(min=1, help="At most this many of one patient; a twentieth of the budget.")
    ] = None,
    threshold: opt.Threshold = POOR,
    order: opt.OrderOption = "review",
    out: Annotated[
        Path | None, typer.Option(help="Folder for selection.csv and selection.json; by default DIR.")
    ] = None,
) -> None:
    """Choose the masks to annotate next: those that need review, worst first, spread over structures and
    patients."""
    from rich.console import Console

    from segae.batch.store import report_files
    from segae.cli.output import check_folder
    from segae.report.selection import Caps, write_selection
    from segae.report.selection import select as select_masks
    from segae.results.files import read_report
    from segae.results.verdicts import with_threshold

    caps = Caps.of(budget, per_structure, per_patient)
    paths = report_files(folder)
    target = out or (folder if folder.is_dir() else folder.parent)
    check_folder(target)
    reports = (with_threshold(read_report(path), threshold) for path in paths)
    selection = select_masks(reports, caps, order)
    capped = (
        f"; {selection.n_capped} were passed over for the caps ({caps.per_structure} of a structure, "
        f"{caps.per_patient} of a patient)"
        if selection.n_capped
        else ""
    )
    text = f"{len(selection.chosen)} of {selection.n_candidates} masks that need review are chosen{capped}."
    Console(stderr=True).print(text, soft_wrap=True, highlight=False, markup=False)
    for path in write_selection(selection, target):
        Console().print(str(path), soft_wrap=True, highlight=False, markup=False)
