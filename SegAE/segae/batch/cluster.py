"""A batch whose parts are jobs on a cluster: it is started, followed, taken up again, and ended.

    OUT/cluster.json     the run under way: what was asked, and the cases and jobs of each part
    OUT/cluster/<run>/   logs of its jobs

Both go when a run ends well. Jobs tell nothing while they work: a case is finished when the store has a file
of it that was not there before. So whoever follows may be killed; the same command takes the run up again.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from segae.batch import slurm
from segae.batch.part_job import PartJob, Work
from segae.batch.runner import Part
from segae.batch.store import Failure, ResultStore
from segae.errors import InputError, SegAEError
from segae.files import remove, write_json
from segae.io.layouts import CaseFiles

FORMAT = "segae-cluster 1"
TRIES = 3  # jobs of a part one after the other that finish no case
LONGEST_WAIT = 15.0  # seconds between two looks at the queue
SETTLING = 60.0  # seconds that a shared file system may take to show what another machine wrote
SILENT = 20  # looks in a row that Slurm may leave without an answer


@dataclass
class PartState:
    """A part of the run under way. `job`: the latest one, None before it is submitted; `left`: cases that
    were to do then. `tries`: jobs in a row that were lost without finishing a case. `why`: what ended the
    part before its cases were done, "" when it ended well, None while it goes on."""

    cases: list[str]
    job: str | None = None
    tries: int = 0
    left: int = 0
    why: str | None = None


@dataclass(frozen=True)
class Look:
    """How far a run is: cases finished since the look before, with those that failed; jobs that run and wait,
    and Slurm's word for why most of them wait; `events`: what became of parts, in sentences."""

    finished: tuple[str, ...]
    failures: tuple[Failure, ...]
    running: int
    waiting: int
    reason: str
    events: tuple[str, ...]


@dataclass
class ClusterRun:
    """The run under way in the folder `work.out`; `start` makes one."""

    name: str
    asked: dict[str, Any]
    before: dict[str, int]
    parts: list[PartState]
    files: Mapping[str, CaseFiles]
    work: Work
    resources: slurm.Resources
    attached: bool = False
    _missed: Counter[int] = field(default_factory=Counter)

    @property
    def logs(self) -> Path:
        return self.work.out.absolute() / "cluster" / self.name

    @property
    def n_cases(self) -> int:
        return sum(len(part.cases) for part in self.parts)

    @property
    def n_failed(self) -> int:
        """Of the cases that are finished."""
        finished = {case for part in self.parts for case in part.cases} - self.waiting
        return sum(failure.case in finished for failure in ResultStore(self.work.out).failures())

    @cached_property
    def waiting(self) -> set[str]:
        """Cases without a result of this run, as far as was looked."""
        return {case for part in self.parts for case in part.cases}

    def follow(self, wait: Callable[[float], None] = time.sleep) -> Iterator[Look]:
        """Look until every part has ended, submitting again what was lost; may be left and taken up at any
        moment. Raises `InputError` when Slurm does not answer for long, `OutputError` when the state cannot
        be written."""
        began, silent, settled = time.monotonic(), 0, None
        while True:
            try:
                jobs, silent = slurm.queue(self.name), 0
            except InputError:
                jobs, silent = None, silent + 1
                if silent == SILENT:
                    raise
            look = self._look(jobs)
            yield look
            if all(part.why is not None for part in self.parts):
                settled = settled or time.monotonic()
                late = any(part.why == "" and self._left(part) for part in self.parts)
                if not late or time.monotonic() - settled > SETTLING:
                    return
            wait(min(LONGEST_WAIT, 0.5 + (time.monotonic() - began) / 20))

    def _look(self, jobs: Mapping[str, slurm.QueueEntry] | None) -> Look:
        ends = {n: self._end(part) for n, part in enumerate(self.parts) if part.why is None}
        new = self._newly_finished()  # after the ends, so that what a part finished last is seen
        events, lost = [], []
        for n, why in ends.items():
            part = self.parts[n]
            if why is not None:
                part.why = why
            elif jobs is not None:
                entry = jobs.get(part.job or "")
                if part.job is None or self._is_gone(n, entry):
                    part.why = self._why_not_again(part, entry) if self._left(part) else ""
                    if part.why is None:
                        lost.append(n)
            if part.why:
                events.append(self.about(n))
        if lost:
            events += self._submit_again(lost)
        if lost or any(self.parts[n].why is not None for n in ends):
            self.save()
        alive = [entry for entry in (jobs or {}).values() if not entry.ended]
        reasons = Counter(entry.why for entry in alive if not entry.runs and entry.why != "None")
        running = sum(entry.runs for entry in alive)
        failures = (ResultStore(self.work.out).failure(case) for case in new)
        return Look(
            tuple(new),
            tuple(failure for failure in failures if failure is not None),
            running,
            len(alive) - running,
            next((why for why, _ in reasons.most_common(1)), ""),
            tuple(events),
        )

    def _end(self, part: PartState) -> str | None:
        """How a part ended by itself: "" or what was wrong; None when it did not."""
        ended = slurm.how_it_ended(self.logs, part.job) if part.job else None
        if ended is None:
            return None
        return ended.said or (f"fault inside SegAE ({ended.fault}); please report it." if ended.fault else "")

    def _is_gone(self, n: int, entry: slurm.QueueEntry | None) -> bool:
        """Whether a job without a result has ended; seen twice, as its result may be on its way."""
        gone = entry is None or entry.ended
        self._missed[n] = self._missed[n] + 1 if gone else 0
        return self._missed[n] > 1

    def _why_not_again(self, part: PartState, entry: slurm.QueueEntry | None) -> str | None:
        """Why a part whose job was lost is not submitted again; None when it is."""
        if part.job is None:
            return None
        state = entry.state if entry is not None else "gone"
        if state == "CANCELLED":
            return f"job {part.job} was cancelled by hand."
        part.tries = 0 if self._left(part) < part.left else part.tries + 1
        if part.tries < TRIES:
            return None
        log = slurm.log_of(self.logs, part.job)
        if log is None:
            return (
                f'its jobs left no log in "{self.logs}": their machine does not see that folder; choose one '
                "for --out that all machines of the cluster share."
            )
        return (
            f"{TRIES} jobs ended one after the other without finishing a case, the last one {state}; ask for "
            f'more --time or --mem, or see "{log}".'
        )

    def _submit_again(self, lost: Sequence[int]) -> list[str]:
        """Sentences about it."""
        old = [self.parts[n].job for n in lost]
        try:
            self._submit(lost)
        except SegAEError as error:  # the other parts go on
            for n in lost:
                self.parts[n].why = str(error)
            return [self.about(n) for n in lost]
        return [
            f"Part {n + 1}: job {job} was lost and goes on as job {self.parts[n].job}."
            for n, job in zip(lost, old, strict=True)
            if job is not None
        ]

    def _submit(self, numbers: Sequence[int]) -> None:
        jobs = []
        for n in numbers:
            left = [case for case in self.parts[n].cases if case in self.waiting]
            jobs.append(PartJob(tuple(self.files[case] for case in left), self.work))
        ids = slurm.submit(jobs, self.logs, self.name, self.resources)
        for n, job, identifier in zip(numbers, jobs, ids, strict=True):
            self.parts[n].job, self.parts[n].left = identifier, len(job.cases)
            self._missed[n] = 0

    def _newly_finished(self) -> list[str]:
        stamps = ResultStore(self.work.out).stamps(self.waiting)
        new = sorted(case for case, stamp in stamps.items() if self.before.get(case) != stamp)
        self.waiting.difference_update(new)
        return new

    def _left(self, part: PartState) -> int:
        return sum(case in self.waiting for case in part.cases)

    def about(self, n: int) -> str:
        """A sentence about a part that did not end well."""
        part = self.parts[n]
        return (
            f"Part {n + 1} of {len(self.parts)} ended with {self._left(part)} of {len(part.cases)} cases not "
            f"scored: {part.why}"
        )

    def save(self) -> None:
        """Raises `OutputError`."""
        content = {
            "format": FORMAT, "run": self.name, "asked": self.asked, "before": self.before,
            "parts": [asdict(part) for part in self.parts],
        }  # fmt: skip
        write_json(content, _state_path(self.work.out))

    def cancel(self) -> None:
        """End all jobs and forget the run; what was finished stays. Raises `InputError`."""
        slurm.cancel(self.name)
        self.forget()

    def forget(self) -> None:
        """Take away the state, and the logs when nobody needs them. Raises `OutputError`."""
        remove(_state_path(self.work.out))
        if not any(part.why for part in self.parts):
            shutil.rmtree(self.logs, ignore_errors=True)  # a job that is ending may still write to it
            if self.logs.parent.is_dir() and not any(self.logs.parent.iterdir()):
                self.logs.parent.rmdir()


def _state_path(out: Path) -> Path:
    return out / "cluster.json"


def start(
    cases: Sequence[CaseFiles],
    asked: Mapping[str, Any],
    work: Work,
    jobs: int,
    resources: slurm.Resources,
    look_at: Callable[[Sequence[CaseFiles]], Iterable[CaseFiles]] = iter,
) -> ClusterRun:
    """Take up the run that is under way in `work.out`, or submit a new one of at most `jobs` parts for what
    the folder has no valid report of; without such cases the run has no parts.

    `asked`: what was asked beside `work`, by option, as JSON values; a run under way must have been asked the
    same. `look_at` hands the cases on while they are compared with their results, to show a bar. Raises
    `InputError` when another run is under way or Slurm refuses, `OutputError`; then no job is left behind.
    """
    slurm.check_slurm()
    everything = json.loads(json.dumps({**asked, **work.asked(), "jobs": jobs, **asdict(resources)}))
    files = {one.case: one for one in cases}
    under_way = _take_up(everything, files, work, resources)
    if under_way is not None:
        return under_way
    store = ResultStore(work.out)
    before = store.stamps(files)  # first: a job of another run may finish a case while it is looked at
    todo = [one for one in look_at(cases) if not store.is_done(one, work.sha256, work.options)]
    count = min(jobs, len(todo))
    parts = [PartState([one.case for one in Part(n, count).of(todo)]) for n in range(count)]
    before = {one.case: before[one.case] for one in todo if one.case in before}
    name = f"segae-{uuid.uuid4().hex[:8]}"
    run = ClusterRun(name, everything, before, parts, files, work, resources)
    if not parts:
        return run
    shutil.rmtree(run.logs.parent, ignore_errors=True)  # logs of runs that ended badly
    run.save()  # before there are jobs, which are found by its name if this ends here
    try:
        run._submit(range(count))
        run.save()
    except BaseException:
        with suppress(InputError):  # the first error says more
            run.cancel()
        raise
    return run


def _take_up(
    everything: dict[str, Any], files: Mapping[str, CaseFiles], work: Work, resources: slurm.Resources
) -> ClusterRun | None:
    """The run under way; None when there is none, or it died with parts that did not end."""
    path = _state_path(work.out)
    if not path.exists():
        return None
    try:
        kept = json.loads(path.read_bytes())
        if kept["format"] != FORMAT:
            raise ValueError(kept["format"])
        parts = [PartState(**part) for part in kept["parts"]]
        for part in parts:  # what is no more in the data set cannot be waited for
            part.cases = [case for case in part.cases if case in files]
        run = ClusterRun(
            kept["run"], kept["asked"], kept["before"], parts, files, work, resources, attached=True
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f'"{path}" is damaged; remove it and run the batch again.') from error
    alive = {job for job, entry in slurm.queue(run.name).items() if not entry.ended}
    other = sorted(key for key in {*everything, *run.asked} if everything.get(key) != run.asked.get(key))
    if alive and other:
        words = " and ".join(f"--{key.replace('_', '-')}" for key in other)
        raise InputError(
            f'A run with another {words} is under way in "{work.out}"; give the same options to follow it, '
            f"or end it with scancel --name={run.name}"
        )
    orphans = alive - {part.job for part in parts}
    if orphans:  # submitted by a command that was killed before it could note them
        slurm.cancel(run.name, orphans)
    over = all(part.why is not None or run._end(part) is not None for part in parts)
    return run if (over and not other) or alive - orphans else None
