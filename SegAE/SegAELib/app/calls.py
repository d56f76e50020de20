"""Functions that are called in child processes while the application goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from segae.errors import SegAEError
from segae.jobs.calls import CallJob
from segae.jobs.events import Failed, Progress, Returned
from segae.jobs.process import ExitMessages
from SegAELib.app.binding import qt

POLL_MS = 60


def _ignore(_progress: Progress) -> None:
    """For calls whose steps nobody shows."""


@dataclass(frozen=True)
class _Call:
    job: CallJob
    on_value: Callable[[Any], None]
    on_failed: Callable[[str], None]
    on_progress: Callable[[Progress], None]


class Calls:
    """Calls by key, one of each key at a time, each in a child of its own.

    Exactly one of `on_value` and `on_failed` (with a sentence) ends a call, unless it is stopped. The timer
    runs only while there is one. Call `close` when done: it ends all children.
    """

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self._poll)

    def __contains__(self, key: str) -> bool:
        return key in self._calls

    def start(
        self,
        key: str,
        function: str,
        arguments: Mapping[str, Any],
        messages: ExitMessages,
        on_value: Callable[[Any], None],
        on_failed: Callable[[str], None],
        on_progress: Callable[[Progress], None] = _ignore,
    ) -> None:
        """Call `function` ("module:name") under a key; what still runs under it is stopped."""
        self.stop(key)
        job = CallJob(function, arguments, messages)
        try:
            job.start()
        except SegAEError as error:
            on_failed(str(error))
            return
        self._calls[key] = _Call(job, on_value, on_failed, on_progress)
        self._timer.start()

    def stop(self, key: str) -> None:
        """End a call, if it runs, without telling anyone."""
        call = self._calls.pop(key, None)
        if call is not None:
            call.job.close()
        if not self._calls:
            self._timer.stop()

    def close(self) -> None:
        """End all of them."""
        for key in list(self._calls):
            self.stop(key)

    def _poll(self) -> None:
        for key, call in list(self._calls.items()):
            for event in call.job.poll():
                if self._calls.get(key) is not call:  # stopped by what an event before this one led to
                    break
                if isinstance(event, Progress):
                    call.on_progress(event)
                elif isinstance(event, Failed):
                    self.stop(key)
                    call.on_failed(event.sentence)
                elif isinstance(event, Returned):
                    self.stop(key)
                    call.on_value(event.value)
