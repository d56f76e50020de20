"""`segae name-check`: is each mask what its name says?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segae.cli import options as opt

if TYPE_CHECKING:
    from rich.table import Table

    from segae.scoring.name_check import NameReport


def name_check(
    ct: Annotated[
        Path,
        typer.Argument(metavar="CT", help="NIfTI, NRRD or MetaImage file, or a folder with a DICOM series."),
    ],
    masks: Annotated[
        Path,
        typer.Argument(
            metavar="MASKS",
            help="Folder of binary masks named by organ, a multi-label file, a DICOM segmentation (SEG) or "
            "structure set (RTSTRUCT), or one binary mask.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="Organ of a single binary mask, for example 'left kidney'.")
    ] = None,
    names: opt.Names = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Check this mask alone; give it again for more of them.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="CSV file for all answers.")] = None,
    model: opt.Model = "bundled",
    resample: opt.Resample = False,
    ct_grid: opt.CTGrid = False,
    series: opt.Series = None,
    device: opt.Device = "auto",
    engine: opt.Engine = "torch",
    all_names: Annotated[bool, typer.Option("--all", help="Print the names that fit, too.")] = False,
) -> None:
    """Tell which masks of one CT look like another organ than they are named. Nothing is renamed."""
    from rich.console import Console

    from segae.checks.names import write_checks
    from segae.cli.output import check_folder, print_findings, progress_bar
    from segae.io.layouts import case_name
    from segae.scoring.name_check import name_check as check

    console, messages = Console(), Console(stderr=True)
    if out is not None:
        check_folder(out.parent)
    with progress_bar(messages) as show:
        report = check(
            ct, masks, model=model, name=name, names=names, only=only, resample=resample,
            ct_grid=ct_grid, series=series, device=device, engine=engine,
            case=case_name(ct.resolve()), progress=show,
        )  # fmt: skip
    print_findings(messages, report.findings)
    console.print(_table(report, all_names))
    if out is not None:
        path = write_checks(report.checks, report.case, out)
        console.print(f"Written: {path}", soft_wrap=True, highlight=False, markup=False)


def _table(report: NameReport, all_names: bool) -> Table:
    """Doubtful names, the surest first; with `all_names` the others after them."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from segae.checks.names import shown
    from segae.report.style import one_line, organ_name

    ranked = sorted(report.checks, key=lambda check: (not check.is_doubtful, not check.confident))
    listed = [check for check in ranked if check.is_doubtful or all_names]
    doubtful = sum(check.is_doubtful for check in ranked)
    table = Table(
        title=Text(f"{one_line(report.case)}: {doubtful} of {len(ranked)} names in doubt"),
        box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", show_header=bool(listed),
    )  # fmt: skip
    for heading in ("named", "looks like", "scores", "sure", "reason"):
        table.add_column(heading, overflow="fold")
    for check in listed:
        table.add_row(
            Text(organ_name(check.segment, check.named.name)),
            Text(check.looks_like.name if check.looks_like else "-"),
            Text(f"{shown(check.score_named)} / {shown(check.score_other)}"),
            Text("yes" if check.confident else "no" if check.is_doubtful else ""),
            Text(one_line(check.reason)),
        )
    return table
