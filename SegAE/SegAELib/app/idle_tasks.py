"""Small pieces of work that are done a few at a time, so that the application never stands still."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator

BUDGET = 0.015  # seconds after which one call begins no further piece


class IdleTasks:
    """Pieces of work by key, in the order in which they were added; one with the same key is done once."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, tuple[float, Callable[[], object]]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._waiting

    def add(self, key: Hashable, work: Callable[[], object], *, after: float = 0.0) -> None:
        """Do `work` later, at least `after` seconds from now; it takes the place of what waits under the
        same key."""
        self._waiting[key] = (time.perf_counter() + after, work)

    def add_parts(self, key: Hashable, parts: Iterator[object]) -> None:
        """Take one step of `parts` after the other, each as a piece of work under the same key."""

        def go_on() -> None:
            for _part in parts:
                self.add(key, go_on)
                return

        self.add(key, go_on)

    def run(self, seconds: float = BUDGET) -> None:
        """Do what is due, at least one piece, until the time is over."""
        end = time.perf_counter() + seconds
        while (key := self._due(time.perf_counter())) is not None:
            self._waiting.pop(key)[1]()
            if time.perf_counter() >= end:
                return

    def finish(self) -> None:
        """Do all that waits."""
        while self._waiting:
            self._waiting.pop(next(iter(self._waiting)))[1]()

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    def _due(self, now: float) -> Hashable | None:
        return next((key for key, (due, _work) in self._waiting.items() if due <= now), None)
