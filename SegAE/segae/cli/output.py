"""What commands print: folders that are checked, progress bars, findings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from segae.errors import OutputError
from segae.finding import Finding
from segae.progress import ProgressCallback, Step, tell_listener

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def check_folder(out: Path) -> None:
    """Raises `OutputError` when `out` is no folder and cannot become one, or cannot be written to. Nothing is
    made yet, so that bad input leaves no empty folder behind."""
    absolute = out.absolute()
    nearest = next(path for path in (absolute, *absolute.parents) if path.exists())
    if not nearest.is_dir():
        raise OutputError(f'Results cannot go to "{out}": "{nearest}" is a file; choose another folder.')
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(
            f'Results cannot go to "{out}": no permission to write in "{nearest}"; choose another folder.'
        )


@contextmanager
def progress_bar(console: Console) -> Iterator[ProgressCallback]:
    """A bar that follows the steps of one case; a program that runs the command inside hears of them too."""
    with _progress(console) as bar:
        tasks = {}

        def show(step: Step) -> None:
            tell_listener(step)
            if step.stage not in tasks:
                tasks[step.stage] = bar.add_task(step.stage, total=step.total, speed="")
            task = tasks[step.stage]
            bar.update(task, completed=step.done, total=step.total)
            speed = bar.tasks[task].speed
            bar.update(task, speed=f"{speed:.0f} slices/s" if step.stage == "scoring" and speed else "")

        yield show


def _progress(console: Console) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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


EACH = 3  # findings of one kind that are printed one by one
NAMES = 6


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """The warnings, a line each; of many with the same code the first, and the names of the others."""
    by_code: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.severity == "warning":
            by_code.setdefault(finding.code, []).append(finding)
    for code, group in by_code.items():
        for finding in group if len(group) <= EACH else group[:1]:
            console.print(f"[yellow]{code}[/] ", end="")
            console.print(finding.message, soft_wrap=True, highlight=False, markup=False)
        if len(group) > EACH:
            others = [next(iter(finding.segments), "") for finding in group[1:]]
            more = f" and {len(others) - NAMES} more" if len(others) > NAMES else ""
            console.print(f"[yellow]{code}[/] ", end="")
            console.print(
                f"The same of {', '.join(others[:NAMES])}{more}.",
                soft_wrap=True,
                highlight=False,
                markup=False,
            )
