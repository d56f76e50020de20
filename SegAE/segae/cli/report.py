"""`segae report`: the page of a data set or of one case."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segae.cli import options as opt
from segae.report.style import Palette
from segae.results.bins import POOR


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Folder given to --out of `segae batch` or `segae score`, or one report file.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The page; by default report.html in DIR, or beside the file.")
    ] = None,
    thumbnails: Annotated[
        int, typer.Option(min=0, max=1000, help="Pictures of the worst masks; 0 needs no CT and no model.")
    ] = 60,
    threshold: opt.Threshold = POOR,
    order: opt.OrderOption = "review",
    model: opt.Model = "bundled",
    device: opt.Device = "auto",
    palette: Annotated[Palette, typer.Option(help="Colours; safe is for colour-blind readers.")] = "traffic",
) -> None:
    """Write one HTML page with counts, verdicts, the worst masks with pictures, and findings."""
    from rich.console import Console

    from segae.batch.store import ResultStore, report_files
    from segae.cli.output import check_folder, progress_bar
    from segae.progress import Watch
    from segae.report.page.contents import gather
    from segae.report.page.write import PageExtras, write_page
    from segae.results.files import read_report
    from segae.results.verdicts import with_threshold

    messages = Console(stderr=True)
    paths = report_files(folder)
    is_batch = folder.is_dir() and (folder / "cases").is_dir()
    page = out or (folder / "report.html" if folder.is_dir() else folder.with_suffix(".html"))
    check_folder(page.parent)
    with progress_bar(messages) as show:
        watch = Watch(show)

        def reports():
            for n, path in enumerate(paths):
                watch.step("reading", n, len(paths))
                yield with_threshold(read_report(path), threshold)
            watch.step("reading", len(paths), len(paths))

        contents = gather(reports(), order)
        pictures, notes = {}, []
        if thumbnails and contents.n_to_review:
            from segae.batch.thumbnails import draw_thumbnails
            from segae.scoring.scorer import Scorer

            scorer = Scorer(model, device=device)
            drawn = draw_thumbnails(contents, thumbnails, scorer, palette=palette, watch=watch)
            pictures, notes = drawn.pictures, drawn.notes
    failures = ResultStore(folder).failures() if is_batch else ()
    extras = PageExtras([(one.case, one.reason) for one in failures], pictures, notes)
    title = folder.resolve().name if is_batch else contents.cases[0].case
    write_page(contents, extras, title, page)
    for note in notes:
        messages.print(note, soft_wrap=True, highlight=False, markup=False)
    Console().print(str(page), soft_wrap=True, highlight=False, markup=False)
