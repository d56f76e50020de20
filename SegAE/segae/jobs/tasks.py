"""What a job may be, each as a row of events, the same in a child process and in the caller."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from segae.checks.preflight import Preflight
from segae.data import Segmentation, Volume
from segae.errors import Cancelled as CancelledError
from segae.errors import InputError, ModelError, OutputError, SegAEError
from segae.jobs.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Kind,
    Located,
    NamesChecked,
    Progress,
    Scores,
)
from segae.jobs.settings import JobSettings, Task
from segae.models.registry import find_model
from segae.progress import CancelToken, Step, Watch

if TYPE_CHECKING:
    from segae.scoring.scorer import Scorer

Outcome = TypeVar("Outcome")


def steps_of(work: Callable[[Watch], Outcome], cancel: CancelToken) -> Generator[Progress, None, Outcome]:
    """Do `work` in a thread; yields a `Progress` for each of its steps and returns what it returns, or raises
    what it raises. A generator that is closed early stops the work at its next step."""
    steps: queue.SimpleQueue[Step | None] = queue.SimpleQueue()
    outcome: list[Outcome] = []
    problem: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work(Watch(steps.put, cancel)))
        except BaseException as error:  # raised again where the caller waits
            problem.append(error)
        finally:
            steps.put(None)

    thread = threading.Thread(target=run, daemon=True)
    started = time.perf_counter()
    thread.start()
    try:
        while (step := steps.get()) is not None:
            yield Progress(step.stage, step.done, step.total, time.perf_counter() - started)
    except GeneratorExit:
        cancel.cancel()
        raise
    finally:
        thread.join()
    if problem:
        raise problem[0]
    return outcome[0]


@dataclass(frozen=True, eq=False)
class Work:
    """A loaded model, a case, and what the preflight left of it."""

    scorer: Scorer
    ct: Volume
    segmentation: Segmentation
    checked: Preflight
    settings: JobSettings
    cancel: CancelToken


def score(work: Work) -> Iterator[Event]:
    """`Scores` as they come, then `Finished`."""
    announced: list[Step] = []
    parts = work.scorer.stream_checked(
        work.ct,
        work.segmentation,
        work.checked,
        case=work.settings.case,
        options=work.settings.options,
        watch=Watch(announced.append, work.cancel),
    )
    started, scored = time.perf_counter(), 0
    while True:
        try:
            slices = next(parts)
        except StopIteration as finished:
            yield Finished(finished.value)
            return
        new = [one for of_segment in slices.values() for one in of_segment]
        if all(math.isfinite(one.raw_score or 0.0) for one in new):  # the report refuses others, and says so
            yield Scores(slices)
        scored += len(new)
        step = announced[-1]  # of the batch before; slices that are only searched count there too
        yield Progress("scoring", max(scored, step.done), step.total, time.perf_counter() - started)


def locate(work: Work) -> Iterator[Event]:
    """`Located` for the only segment there is. Raises `ModelError` for a model that cannot say where an organ
    is, `InputError` for a mask that cannot be used."""
    from segae.scoring.error_map import locate_errors

    spec = work.scorer.model.spec
    if not spec.predicts_areas:
        raise ModelError(
            f'The model "{spec.name}" predicts how good a mask is, not where it is wrong; choose one of the '
            "architecture segae-dense."
        )
    yield Progress("locating")
    work.cancel.raise_if_cancelled()
    work.checked.raise_for_errors()
    filled, asked = work.checked.segmentation.segments, work.segmentation.segments
    segments = filled or [one for one in asked if one.is_empty and one.structure is not None]
    if len(segments) != 1:
        raise InputError("The errors of one mask can be shown at a time; choose one that has a name.")
    errors = locate_errors(work.scorer, work.scorer.orient(work.ct), segments[0])
    yield Located(errors.missing, errors.extra)


def check_names(work: Work) -> Iterator[Event]:
    """`NamesChecked` for all masks with voxels."""
    from segae.scoring.name_check import check_names as check

    work.checked.raise_for_errors()
    segments = work.checked.segmentation.segments
    findings = work.checked.findings  # what the rules say is among them
    checks = yield from steps_of(
        lambda watch: check(work.scorer, work.ct, segments, findings, watch=watch), work.cancel
    )
    yield NamesChecked(checks)


_KINDS: tuple[tuple[type[SegAEError], Kind], ...] = (
    (InputError, "input"),
    (ModelError, "model"),
    (OutputError, "output"),
    (SegAEError, "memory"),  # the rest: a GPU without room for a single slice
)
_TASKS: Mapping[Task, Callable[[Work], Iterator[Event]]] = {
    "score": score,
    "locate": locate,
    "check names": check_names,
}
# A RuntimeError of torch that says so is about memory.
_NO_ROOM = ("can't allocate memory", "not enough memory", "out of memory")


class MissingPackage(SegAEError):
    """A package that scoring needs is not installed, or cannot be loaded."""


class WarmScorer:
    """Keeps the scorer of the last job for the next one with the same model file, device and engine."""

    def __init__(self) -> None:
        self._scorer: Scorer | None = None
        self._key: tuple[object, ...] = ()

    def get(self, settings: JobSettings) -> Scorer:
        """Raises `MissingPackage`, and what `Scorer` raises."""
        path = find_model(settings.model)
        state = path.stat()
        _check_packages()
        from segae.scoring.scorer import Scorer

        key = (path.resolve(), state.st_mtime_ns, state.st_size, settings.device, settings.engine)
        if self._scorer is None or key != self._key:
            self._scorer = None  # two models at once may not fit
            self._scorer = Scorer(path, device=settings.device, engine=settings.engine)
            self._key = key
        self._scorer.batch_size = max(1, settings.batch_size)
        return self._scorer


def job_events(
    warm: WarmScorer, ct: Volume, segmentation: Segmentation, settings: JobSettings, cancel: CancelToken
) -> Iterator[Event]:
    """Do one job; each step does one piece of work. What a user can cause ends in `Failed`; anything else is
    raised."""
    try:
        cancel.raise_if_cancelled()
        yield Progress("loading")
        cancel.raise_if_cancelled()
        scorer = warm.get(settings)
        yield Progress("checking")
        cancel.raise_if_cancelled()
        checked = scorer.check(ct, segmentation, settings.options)
        yield from _TASKS[settings.task](Work(scorer, ct, segmentation, checked, settings, cancel))
    except CancelledError:
        yield Cancelled()
    except (SegAEError, MemoryError, RuntimeError) as error:
        yield failure(error)


def failure(error: Exception) -> Failed:
    """The event for an error that a user can do something about; raises any other again."""
    if isinstance(error, MissingPackage):
        return Failed(str(error), "dependency")
    if isinstance(error, SegAEError):
        return Failed(str(error), next(kind for errors, kind in _KINDS if isinstance(error, errors)))
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in _NO_ROOM):
        sentence = "Memory ran out; close other programs or choose a smaller batch size."
        return Failed(sentence, "memory", str(error))
    raise error


def _check_packages() -> None:
    """Raises `MissingPackage` unless torch and what belongs to it can be imported."""
    try:
        for name in ("torch", "torchvision", "safetensors"):
            import_module(name)
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"The package {error.name} is not installed; install what is missing and score again."
        ) from error
    except (ImportError, OSError, RuntimeError) as error:
        raise MissingPackage(
            f"The packages for scoring are there but cannot be loaded ({error}); install PyTorch again."
        ) from error
