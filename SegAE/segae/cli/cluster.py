"""`segae batch --slurm`: one bar for all jobs, and what is asked when the user stops it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.prompt import Prompt

from segae.batch.cluster import ClusterRun, Work, start
from segae.batch.slurm import Resources
from segae.cli.merge import merge
from segae.cli.output import new_bar
from segae.errors import Cancelled
from segae.io.layouts import CaseFiles
from segae.report.terminal import counted


def batch_on_cluster(
    data: Path,
    masks: Path | None,
    corrected: Path | None,
    cases: Sequence[CaseFiles],
    work: Work,
    jobs: int,
    resources: Resources,
    messages: Console,
) -> bool:
    """Submit or take up the run, follow it, list what failed and merge; whether all cases were scored. Raises
    `Cancelled` when the user stops following, and what `start` and `ClusterRun.follow` raise."""

    def say(text: str, style: str | None = None) -> None:
        messages.print(text, style=style, soft_wrap=True, highlight=False, markup=False)

    folders = {"data": data, "masks": masks, "corrected": corrected}
    asked = {name: None if path is None else str(path.absolute()) for name, path in folders.items()}
    with new_bar(messages) as bar:

        def look_at(found: Sequence[CaseFiles]) -> Iterable[CaseFiles]:
            task = bar.add_task("looking for what is done", total=len(found), speed="")
            for one in found:
                yield one
                bar.advance(task)

        run = start(cases, asked, work, jobs, resources, look_at)
    n_cases = run.n_cases
    words = (counted(n_cases, "case"), counted(len(run.parts), "job"))
    if run.attached:
        say(f"{words[0]} in {words[1]} of {run.name}, which is under way")
    else:
        say(f"{words[0]} to score in {words[1]}, {len(cases) - n_cases} done before")
    while run.parts:
        try:
            with new_bar(messages) as bar:
                for line in _follow(run, bar):
                    say(*line)
            break
        except KeyboardInterrupt:
            _stop(run, messages, say)
    failed, left = run.n_failed, len(run.waiting)
    say(
        f"{n_cases - failed - left} scored, {len(cases) - n_cases} done before, {failed} failed, "
        f"{left} not scored; results are in {work.out}."
    )
    if any(part.why for part in run.parts):
        say(f"Run the same command again for what was not scored; the logs of the jobs are in {run.logs}.")
    if any((work.out / "cases").glob("[!.]*")):
        merge(work.out)
    run.forget()
    return not failed and not left


def _follow(run: ClusterRun, bar: Progress) -> Iterator[tuple[str, str | None]]:
    """Lines to print, failures in red."""
    task = bar.add_task("starting", total=run.n_cases, speed="")
    for look in run.follow():
        for failure in look.failures:
            yield f"{failure.case}: {failure.reason}", "red"
        yield from ((event, None) for event in look.events)
        why = f" ({look.reason})" if look.waiting and look.reason else ""
        jobs = f"{counted(look.running, 'job')} running, {look.waiting} waiting{why}"
        bar.update(task, description=jobs, completed=run.n_cases - len(run.waiting))


def _stop(run: ClusterRun, messages: Console, say: Callable[[str], None]) -> None:
    """Ask what shall become of the jobs; raises `Cancelled` unless the user wants to go on."""
    answer = _ask(messages) if sys.stdin.isatty() and messages.is_terminal else "l"
    if answer == "c":
        run.cancel()
        say(f"The jobs of {run.name} are cancelled.")
    elif answer == "l":
        say(
            f"The jobs go on without this command. Give it again to follow them and to merge at the end; "
            f"scancel --name={run.name} ends them."
        )
    else:
        return
    raise Cancelled


def _ask(messages: Console) -> str:
    """The letter of the answer; another Ctrl-C, or the end of the input, is "l"."""
    text = "Cancel the jobs (c), leave them running (l), or go on following them (g)?"
    try:
        return Prompt.ask(text, console=messages, choices=["c", "l", "g"], default="l", show_choices=False)
    except (KeyboardInterrupt, EOFError):
        return "l"
