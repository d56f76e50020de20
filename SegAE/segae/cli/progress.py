"""Progress bars for the terminal; without a terminal nothing is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from segae.progress import ProgressCallback, Step


@contextmanager
def progress_bar(console: Console) -> Iterator[ProgressCallback]:
    """A bar that follows the steps of one case."""
    with _progress(console) as bar:
        tasks = {}

        def show(step: Step) -> None:
            if step.stage not in tasks:
                tasks[step.stage] = bar.add_task(step.stage, total=step.total, speed="")
            task = tasks[step.stage]
            bar.update(task, completed=step.done, total=step.total)
            speed = bar.tasks[task].speed
            bar.update(task, speed=f"{speed:.0f} slices/s" if step.stage == "scoring" and speed else "")

        yield show


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # else an empty line is printed
    )
