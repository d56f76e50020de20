"""`segae batch`: every case of a data set, with a bar and a line per finished case."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from segae.batch.runner import BatchObserver
from segae.batch.store import Failure
from segae.cli import options as opt
from segae.cli.main import SOME_FAILED
from segae.cli.output import check_folder
from segae.errors import InputError
from segae.io.layouts import CaseFiles
from segae.progress import Step, Watch
from segae.report.terminal import counted
from segae.results.types import CaseReport
from segae.scoring.scorer import STAGE


@contextmanager
def batch_progress(console: Console) -> Iterator[BatchObserver]:
    """The observer that draws on `console`; in a log file only the lines of the cases appear."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cases  {task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    hidden = not console.is_terminal  # else an empty line is printed
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("starting", total=None, speed="")
        started, finished_slices, whole_cases = time.monotonic(), 0, 0

        def on_start(todo: int, done: int) -> None:
            note = f", {done} done before" if done else ""
            console.print(f"{counted(todo, 'case')} to score{note}", highlight=False)
            bar.update(task, total=todo)

        def on_case(files: CaseFiles) -> None:
            bar.update(task, description=escape(files.case))

        def on_step(step: Step) -> None:
            if step.stage == STAGE and step.total:
                speed = (finished_slices + step.done) / max(time.monotonic() - started, 1e-9)
                bar.update(
                    task, completed=whole_cases + step.done / step.total, speed=f"{speed:.0f} slices/s"
                )

        def on_report(report: CaseReport) -> None:
            nonlocal finished_slices, whole_cases
            finished_slices, whole_cases = finished_slices + report.n_slices, whole_cases + 1
            bar.update(task, completed=whole_cases)
            console.print(
                f"{escape(report.case)}: {counted(report.n_segments, 'structure')}, "
                f"{counted(report.n_slices, 'slice')}, mean {report.predicted_dice or 0.0:.2f}, "
                f"lowest {escape(report.worst_segment)}",
                soft_wrap=True,
                highlight=False,
            )

        def on_failure(failure: Failure) -> None:
            nonlocal whole_cases
            whole_cases += 1
            bar.update(task, completed=whole_cases)
            console.print(
                f"[red]{escape(failure.case)}: {escape(failure.reason)}[/]", soft_wrap=True, highlight=False
            )

        yield BatchObserver(on_start, on_case, on_report, on_failure, Watch(on_step))


JOBS = 10  # of a cluster, where nothing is said


def _check_cluster_options(slurm: bool, num_parts: int, asked: Mapping[str, object]) -> None:
    """Raises `InputError` for options that do not go together."""
    given = next((name for name, value in asked.items() if value is not None), None)
    if given is not None and not slurm:
        raise InputError(f"{given} is for jobs on a cluster; add --slurm, or leave it out.")
    if slurm and num_parts > 1:
        raise InputError("--slurm makes the parts itself; leave --num-parts out, and say --jobs instead.")


def batch(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Data set of TotalSegmentator or nnU-Net, CSV manifest (ct, masks, name), or folder of CTs "
            "with --masks.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the results; run again with it to do only what is missing.")
    ],
    masks: Annotated[
        Path | None,
        typer.Option(help="Folder of multi-label masks, matched by name (DAP Atlas: with --names dap)."),
    ] = None,
    corrected: Annotated[
        Path | None,
        typer.Option(
            metavar="RESULTS",
            help="Take the masks that were corrected in the worklist over these results in place of the "
            "data set's own.",
        ),
    ] = None,
    names: opt.Names = None,
    model: opt.Model = "bundled",
    slices: opt.Slices = None,
    resample: opt.Resample = False,
    ct_grid: opt.CTGrid = False,
    published_map: opt.PublishedMap = False,
    device: opt.Device = "auto",
    engine: opt.Engine = "torch",
    batch_size: opt.BatchSize = 32,
    num_parts: Annotated[
        int, typer.Option(min=1, help="Split the cases into this many parts (array jobs).")
    ] = 1,
    part_id: Annotated[int, typer.Option(min=0, help="Which part this job does, from 0.")] = 0,
    slurm: Annotated[
        bool,
        typer.Option(
            "--slurm",
            help="Submit the parts to Slurm, follow them and merge; again with it: follow them again.",
        ),
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="With --slurm: jobs at most, by default 10.")
    ] = None,
    partition: Annotated[str | None, typer.Option(help="With --slurm: as sbatch has it.")] = None,
    gres: Annotated[str | None, typer.Option(help="With --slurm: of each job, for example gpu:1.")] = None,
    time_limit: Annotated[
        str | None, typer.Option("--time", help="With --slurm: of each job, for example 4:00:00.")
    ] = None,
    mem: Annotated[str | None, typer.Option(help="With --slurm: of each job, for example 16G.")] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="With --slurm: processors of each job.")] = None,
) -> None:
    """Score a whole data set; a broken case is listed and the rest goes on (exit code 3)."""
    from rich.console import Console

    from segae.batch.runner import Part, run_batch
    from segae.batch.worklist import with_corrections
    from segae.io.layouts import find_layout
    from segae.scoring.options import ScoringOptions
    from segae.scoring.scorer import Scorer

    messages = Console(stderr=True)
    options = ScoringOptions(slices, resample, published_map, names, ct_grid=ct_grid)
    part = Part(part_id, num_parts)
    asked = {
        "--jobs": jobs, "--partition": partition, "--gres": gres, "--time": time_limit, "--mem": mem,
        "--cpus": cpus,
    }  # fmt: skip
    _check_cluster_options(slurm, num_parts, asked)
    check_folder(out)
    found = find_layout(data, masks)
    for one in found.left_out:
        messages.print(f"[yellow]{one.code}[/] {escape(one.message)}", soft_wrap=True, highlight=False)
    cases = found.cases if corrected is None else with_corrections(found.cases, corrected)
    if slurm:
        from segae.batch.cluster import Work
        from segae.batch.slurm import Resources
        from segae.cli.cluster import batch_on_cluster

        work = Work.of(out, model, options, device, engine, batch_size)
        resources = Resources(partition, gres, time_limit, mem, cpus)
        if batch_on_cluster(data, masks, corrected, cases, work, jobs or JOBS, resources, messages):
            return
        raise typer.Exit(SOME_FAILED)
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
