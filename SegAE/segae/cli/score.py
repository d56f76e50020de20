"""`segae score`: the masks of one CT."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from segae.cli import options as opt
from segae.report.style import Palette
from segae.results.bins import POOR


def score(
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
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for report.csv, report.json, structures.csv, worst_slices.png and strips.png."
        ),
    ] = None,
    model: opt.Model = "bundled",
    slices: opt.Slices = None,
    resample: opt.Resample = False,
    ct_grid: opt.CTGrid = False,
    series: opt.Series = None,
    published_map: opt.PublishedMap = False,
    device: opt.Device = "auto",
    engine: opt.Engine = "torch",
    batch_size: opt.BatchSize = 32,
    threshold: opt.Threshold = POOR,
    order: opt.OrderOption = "review",
    limit: Annotated[int, typer.Option(min=1, help="Rows of the table that is printed.")] = 20,
    check_names: Annotated[
        bool, typer.Option("--check-names", help="Score each mask under neighbouring names, too.")
    ] = False,
    palette: Annotated[Palette, typer.Option(help="Colours; safe is for colour-blind readers.")] = "traffic",
) -> None:
    """Rank the masks of one CT, those to look at first on top."""
    from rich.console import Console

    from segae.cli.output import check_folder, print_findings, progress_bar
    from segae.io.ct import read_ct
    from segae.io.layouts import case_name
    from segae.io.segmentation import read_segmentation
    from segae.progress import Watch
    from segae.report.montage import draw_montage, shown_slices
    from segae.report.strips import draw_strips
    from segae.report.terminal import ranking_view
    from segae.results.files import write_report, write_table
    from segae.results.tables import segment_table
    from segae.results.verdicts import with_threshold
    from segae.scoring.error_map import locate_errors_in
    from segae.scoring.options import ScoringOptions
    from segae.scoring.scorer import Scorer

    options = ScoringOptions(slices, resample, published_map, names, ct_grid=ct_grid)
    console, messages = Console(), Console(stderr=True)
    if out is not None:
        check_folder(out)
    scorer = Scorer(model, device=device, engine=engine, batch_size=batch_size)
    volume = read_ct(ct, series=series)
    segmentation = read_segmentation(
        masks, name=name, names=names, table=scorer.model.label_table, ct=volume.place
    )
    checked = scorer.check(volume, segmentation, options)
    checked.raise_for_errors()
    stack = scorer.orient(volume)
    with progress_bar(messages) as show:
        report = scorer.score_checked(
            volume, segmentation, checked, case=case_name(ct.resolve()), options=options, watch=Watch(show),
            stack=stack,
        )  # fmt: skip
        if check_names:
            from segae.scoring.name_check import with_name_findings

            report = with_name_findings(report, scorer, volume, checked, Watch(show))
    asked = {"name": name, "series": series}  # what a page needs to read the files again
    report = with_threshold(replace(report, options={**report.options, **asked}), threshold)
    print_findings(messages, report.findings)
    console.print(ranking_view(report, limit, palette, console.width, order))
    if out is not None:
        written = [write_report(report, out / "report.csv"), write_report(report, out / "report.json")]
        written.append(write_table(*segment_table(report, order), out / "structures.csv"))
        shown, picture = checked.segmentation, out / "worst_slices.png"
        errors = (
            locate_errors_in(scorer, stack, shown.segments, shown_slices(report, order))
            if scorer.model.spec.predicts_areas
            else None
        )
        written.append(
            draw_montage(volume, shown, report, picture, palette=palette, errors=errors, order=order)
        )
        written.append(draw_strips(report, out / "strips.png", palette, order))
        console.print(
            "Written: " + ", ".join(str(path) for path in written),
            soft_wrap=True,
            highlight=False,
            markup=False,
        )
