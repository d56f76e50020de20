"""`segae batch`: every case of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segae.cli import options as opt
from segae.cli.main import SOME_FAILED


def batch(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="TotalSegmentator data set, CSV manifest (ct, masks, name), or folder of CTs with --masks.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the results; run again with it to do only what is missing.")
    ],
    masks: Annotated[
        Path | None, typer.Option(help="Folder of multi-label masks (DAP Atlas), matched by name.")
    ] = None,
    names: opt.Names = None,
    model: opt.Model = "bundled",
    slices: opt.Slices = None,
    resample: opt.Resample = False,
    published_map: opt.PublishedMap = False,
    device: opt.Device = "auto",
    engine: opt.Engine = "torch",
    batch_size: opt.BatchSize = 32,
    num_parts: Annotated[
        int, typer.Option(min=1, help="Split the cases into this many parts (array jobs).")
    ] = 1,
    part_id: Annotated[int, typer.Option(min=0, help="Which part this job does, from 0.")] = 0,
) -> None:
    """Score a whole data set; a broken case is listed and the rest goes on (exit code 3)."""
    from rich.console import Console

    from segae.batch.layouts import find_cases
    from segae.batch.runner import Part, run_batch
    from segae.cli.batch_progress import batch_progress
    from segae.cli.output import check_folder
    from segae.scoring.options import ScoringOptions
    from segae.scoring.scorer import Scorer

    messages = Console(stderr=True)
    options = ScoringOptions(slices, resample, published_map, names)
    part = Part(part_id, num_parts)
    check_folder(out)
    cases = find_cases(data, masks)
    scorer = Scorer(model, device=device, engine=engine, batch_size=batch_size)
    with batch_progress(messages) as observer:
        result = run_batch(cases, out, scorer, options, part=part, observer=observer)
    messages.print(
        f"{len(result.scored)} scored, {len(result.skipped)} done before, {len(result.failed)} failed; "
        f"results are in {out}. `segae merge {out}` makes the tables.",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
    if result.failed:
        raise typer.Exit(SOME_FAILED)
