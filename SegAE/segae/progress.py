"""How long work tells where it is, and how it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from segae.errors import Cancelled


@dataclass(frozen=True)
class Step:
    """`done` of `total` units of the work called `stage` ("reading", "scoring", ...)."""

    stage: str
    done: int
    total: int


ProgressCallback = Callable[[Step], None]


class CancelToken:
    """A switch that any thread may set and every loop looks at."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled` once `cancel` was called."""
        if self._event.is_set():
            raise Cancelled("Stopped on request; results finished before that are kept.")


@dataclass(frozen=True)
class Watch:
    """Progress callback and cancel token together, as they travel down to the loops."""

    progress: ProgressCallback | None = None
    cancel: CancelToken | None = None

    def step(self, stage: str, done: int, total: int) -> None:
        """Report progress; raises `Cancelled` when the token was set."""
        if self.cancel is not None:
            self.cancel.raise_if_cancelled()
        if self.progress is not None:
            self.progress(Step(stage, done, total))


_LISTENER: ContextVar[ProgressCallback | None] = ContextVar("listener", default=None)


@contextmanager
def listening(callback: ProgressCallback) -> Iterator[None]:
    """Inside, a command that shows its steps on a terminal tells them to `callback` too."""
    token = _LISTENER.set(callback)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def tell_listener(step: Step) -> None:
    """Pass a step on to whoever runs this command inside of a program; nobody else hears it."""
    callback = _LISTENER.get()
    if callback is not None:
        callback(step)
