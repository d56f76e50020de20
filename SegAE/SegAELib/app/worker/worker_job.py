"""Scoring in a child process that stays for the next job."""

from __future__ import annotations

import queue
import threading
import time
from pathlib import Path

from segae.data import Segmentation, Volume
from segae.whole_file import reason
from segae.worker.events import LAST, Cancelled, Event, Failed, Progress
from segae.worker.messages import command
from segae.worker.settings import JobSettings
from SegAELib.app.worker.child_process import ChildProcess, Exit
from SegAELib.app.worker.environment import python_executable
from SegAELib.app.worker.exit_reason import explain_exit
from SegAELib.app.worker.feeder import Feeder, full_disk
from SegAELib.app.worker.scratch import Scratch

_PATIENCE = 1.0  # seconds in which a cancelled child may stop by itself and keep its model; then it is killed
_IDLE = 600.0  # seconds after which a child without work is let go


class WorkerJob:
    """A `ScoringJob` in a child of the given Python, whose model stays loaded for `idle_seconds` after a job.

    `folder`: where the private temporary folder is made; None: where the system keeps such files. The child
    ends with `close`, and by itself when this process ends in any way.
    """

    def __init__(
        self, executable: str | None = None, *, idle_seconds: float = _IDLE, folder: Path | None = None
    ) -> None:
        self._executable = executable or python_executable()
        self._idle_seconds = idle_seconds
        self._folder = folder
        self._number = 0
        self._current: int | None = None  # the job that polling reports
        self._stopping: tuple[int, float] | None = None  # a cancelled job, and when to kill for it
        self._waiting: tuple[Volume, Segmentation, JobSettings] | None = None  # for the cancelled job to stop
        self._events: list[Event] = []
        self._child: ChildProcess | None = None
        self._feeder: Feeder | None = None
        self._goodbyes: list[threading.Thread] = []
        self._idle_timer: threading.Timer | None = None
        self._lock = threading.Lock()  # the idle timer against `start`

    @property
    def running(self) -> bool:
        return self._current is not None or self._stopping is not None or bool(self._events)

    @property
    def child_pid(self) -> int | None:
        """Process id of the child; None when there is none."""
        return None if self._child is None else self._child.pid

    def start(self, ct: Volume, segmentation: Segmentation, settings: JobSettings) -> None:
        if self._current is not None:
            raise RuntimeError("the job before this one is still running")
        self.poll()  # what is left of the job before
        self._number += 1
        with self._lock:
            if self._idle_timer is not None:
                self._idle_timer.cancel()
            self._current = self._number
        self._events.append(Progress("starting"))
        self._waiting = (ct, segmentation, settings)
        self._hand_over()

    def poll(self) -> list[Event]:
        """As in `ScoringJob`. An error of ours ends the job and is raised."""
        events, self._events = self._events, []
        while self._child is not None:
            try:
                message = self._child.messages.get_nowait()
            except queue.Empty:
                break
            if isinstance(message, Exit):
                events += self._child_is_gone(message)
            elif isinstance(message, Exception):
                self._current = None
                self._let_go()
                raise message
            else:
                events += self._take(*message)
        if self._stopping is not None and time.monotonic() > self._stopping[1]:
            self._let_go()
        self._hand_over()
        return events

    def cancel(self) -> None:
        if self._current is None:
            return
        self._events.append(Cancelled())
        number, self._current = self._current, None
        if self._waiting is not None:
            self._waiting = None
        elif self._child is not None and self._feeder is not None and self._feeder.stop():
            self._child.send(command("cancel", number))
            self._stopping = (number, time.monotonic() + _PATIENCE)
        else:
            self._rest()

    def close(self) -> None:
        """Kill the child, if there is one, and wait until it and its files are gone."""
        with self._lock:
            if self._idle_timer is not None:
                self._idle_timer.cancel()
            self._current, self._waiting, self._events = None, None, []
            self._let_go()
        for thread in self._goodbyes:
            thread.join()
        self._goodbyes = []

    def _hand_over(self) -> None:
        """Give the waiting job to the child, unless that is still stopping with another one."""
        if self._waiting is None or self._stopping is not None:
            return
        self._child = self._child or self._new_child()
        if self._child is None:
            self._current = self._waiting = None
            return
        self._feeder = Feeder(self._child, self._number, *self._waiting)
        self._waiting = None
        self._feeder.start()

    def _take(self, number: int, event: Event) -> list[Event]:
        """An event of a cancelled job only tells that the child has stopped with it."""
        over = isinstance(event, LAST)
        if self._stopping is not None and number == self._stopping[0] and over:
            self._stopping = None
            if self._waiting is None:
                self._rest()
        if number != self._current:
            return []
        if over:
            self._current = None
            self._rest()
        return [event]

    def _child_is_gone(self, message: Exit) -> list[Event]:
        self._let_go()
        if self._current is None or self._waiting is not None:  # nothing was lost
            return []
        self._current = None
        return [explain_exit(message.code, message.details)]

    def _new_child(self) -> ChildProcess | None:
        """A child; None when there cannot be one, which is among the events then."""
        try:
            scratch = Scratch(self._folder)
        except OSError as error:
            self._events.append(full_disk(error))
            return None
        try:
            return ChildProcess(self._executable, scratch)
        except OSError as error:
            scratch.remove()
            sentence = (
                f'The scoring process cannot be started with "{self._executable}" ({reason(error)}); choose '
                "scoring inside the application, or install it again."
            )
            self._events.append(Failed(sentence, "start", str(error)))
            return None

    def _let_go(self, patience: float = 0.0) -> None:
        """End the child in the background; it may take a moment to give back its memory."""
        child, self._child, self._stopping = self._child, None, None
        if child is None:
            return
        if self._feeder is not None:
            self._feeder.stop()
        self._goodbyes = [thread for thread in self._goodbyes if thread.is_alive()]
        self._goodbyes.append(threading.Thread(target=child.end, args=(patience,), daemon=True))
        self._goodbyes[-1].start()

    def _rest(self) -> None:
        """Nothing to do: wait for the next job, but not forever."""
        self._idle_timer = threading.Timer(self._idle_seconds, self._retire)
        self._idle_timer.daemon = True
        self._idle_timer.start()

    def _retire(self) -> None:
        with self._lock:
            if self._current is None and self._stopping is None:
                self._let_go(patience=_PATIENCE)
