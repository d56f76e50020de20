"""What a batch shows while it runs: a line per finished case, a bar with cases, slices/s and time left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from segae.batch.cases import CaseFiles
from segae.batch.runner import BatchObserver
from segae.batch.store import Failure
from segae.progress import Step, Watch
from segae.report.report import QualityReport
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
            console.print(f"{_count(todo, 'case')} to score{note}", highlight=False)
            bar.update(task, total=todo)

        def on_case(files: CaseFiles) -> None:
            bar.update(task, description=escape(files.case))

        def on_step(step: Step) -> None:
            if step.stage == STAGE and step.total:
                speed = (finished_slices + step.done) / max(time.monotonic() - started, 1e-9)
                bar.update(
                    task, completed=whole_cases + step.done / step.total, speed=f"{speed:.0f} slices/s"
                )

        def on_report(report: QualityReport) -> None:
            nonlocal finished_slices, whole_cases
            finished_slices, whole_cases = finished_slices + len(report.slices), whole_cases + 1
            bar.update(task, completed=whole_cases)
            summary = report.case_score()
            console.print(
                f"{escape(report.case)}: {_count(summary.n_structures, 'structure')}, "
                f"{_count(summary.n_slices, 'slice')}, mean {summary.predicted_dice:.2f}, "
                f"lowest {escape(summary.worst_segment)}",
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


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
