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
    with new_bar(console) as bar:
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


def new_bar(console: Console) -> Progress:
    """A bar that leaves nothing behind; its tasks have a field `speed`."""
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


EACH = 3  # findings that say the same which are printed one by one
NAMES = 6
MOST = 12  # lines for one code


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """The warnings, a line each; of many that say the same the first, and the names of the other masks."""
    alike: dict[str, dict[str, list[Finding]]] = {}
    for finding in findings:
        if finding.severity == "warning":
            alike.setdefault(finding.code, {}).setdefault(_without_its_own(finding), []).append(finding)
    for code, groups in alike.items():
        lines = [line for group in groups.values() for line in _lines(group)]
        left = len(lines) - MOST
        if left > 1:
            lines = [*lines[:MOST], f"{left} more findings of this kind are in report.json (option --out)."]
        for line in lines:
            console.print(f"[yellow]{code}[/] ", end="")
            console.print(line, soft_wrap=True, highlight=False, markup=False)


def _lines(group: Sequence[Finding]) -> list[str]:
    if len(group) <= EACH:
        return [finding.message for finding in group]
    others = [next(iter(finding.segments), "") for finding in group[1:]]
    more = f" and {len(others) - NAMES} more" if len(others) > NAMES else ""
    return [group[0].message, f"The same of {', '.join(others[:NAMES])}{more}."]


def _without_its_own(finding: Finding) -> str:
    """What a finding says, without the mask and the file of which it says it."""
    text = finding.message.replace(finding.source or "\0", "")
    for name in finding.segments:
        text = text.replace(name, "")
    return text
