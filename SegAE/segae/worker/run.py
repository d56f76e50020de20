"""One job as a row of events, the same in a child process and in the caller's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from segae.data import Segmentation, Volume
from segae.errors import Cancelled as CancelledError
from segae.errors import InputError, ModelError, OutputError, SegAEError
from segae.models.catalogue import find_model
from segae.progress import CancelToken
from segae.worker.events import Cancelled, Event, Failed, Kind, Progress
from segae.worker.settings import JobSettings, Task
from segae.worker.tasks import Work, check_names, locate, score

if TYPE_CHECKING:
    from segae.scoring.scorer import Scorer

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
        sentence = "Memory ran out while scoring; close other programs or choose a smaller batch size."
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
