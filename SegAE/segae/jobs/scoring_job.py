"""Scoring jobs for a caller that polls, in a child process that stays."""

from __future__ import annotations

import queue
import shutil
import threading
import time
from pathlib import Path
from typing import Protocol

from segae.data import Segmentation, Volume
from segae.errors import Cancelled as CancelledError
from segae.files import python_executable, reason
from segae.jobs.events import LAST, Cancelled, Event, Failed, Progress, command
from segae.jobs.payload import Payload, digest_of, write_payload
from segae.jobs.process import ChildProcess, Exit, explain_exit
from segae.jobs.scratch import Scratch
from segae.jobs.settings import JobSettings
from segae.progress import CancelToken


class ScoringJob(Protocol):
    """One job at a time; `start` again when it is over. All calls from one thread."""

    @property
    def running(self) -> bool:
        """Whether polling has a purpose: a job is on its way, or stopping, or its end was not fetched."""
        ...

    def start(self, ct: Volume, segmentation: Segmentation, settings: JobSettings) -> None:
        """Begin; nothing is raised for what a user can cause, that comes as `Failed`. The arrays must not be
        changed until the job is over. Raises RuntimeError while a job runs."""
        ...

    def poll(self) -> list[Event]:
        """The events since the last call, without waiting for more. The last one of a job is `Finished`,
        `Failed` or `Cancelled`."""
        ...

    def cancel(self) -> None:
        """Stop the job; the next `poll` gives `Cancelled`. Nothing happens when none runs."""
        ...

    def close(self) -> None:
        """Stop everything and leave nothing behind: no process, no file."""
        ...


class Feeder(threading.Thread):
    """Writes the payload of job `number` into the child's folder and sends the command; a full disk becomes a
    `Failed` among the child's messages."""

    def __init__(
        self,
        child: ChildProcess,
        number: int,
        ct: Volume,
        segmentation: Segmentation,
        settings: JobSettings,
    ) -> None:
        super().__init__(daemon=True)
        self._child, self._number = child, number
        self._ct, self._segmentation, self._settings = ct, segmentation, settings
        self._token = CancelToken()
        self._sent = False

    def stop(self) -> bool:
        """Stop, within the time of one slab; whether the child was given the job."""
        self._token.cancel()
        self.join()
        return self._sent

    def run(self) -> None:
        folder = self._child.scratch.path / f"job-{self._number}"
        go_on = self._token.raise_if_cancelled
        try:
            digest = digest_of(self._ct.voxels, go_on)
            payload = Payload(self._ct, digest, self._segmentation, self._settings)
            write_payload(folder, payload, with_ct=digest != self._child.digest, go_on=go_on)
            go_on()
            self._sent = True
            self._child.digest = digest
            self._child.send(command("work", self._number, folder=str(folder)))
        except CancelledError:
            shutil.rmtree(folder, ignore_errors=True)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            self._child.messages.put((self._number, full_disk(error)))
        except Exception as error:  # ours: the next poll raises it
            shutil.rmtree(folder, ignore_errors=True)
            self._child.messages.put(error)


def full_disk(error: OSError) -> Failed:
    """What to tell when the temporary folder cannot be used."""
    sentence = (
        f"The images could not be handed to the scoring process ({reason(error)}); free space where "
        "temporary files are kept, and score again."
    )
    return Failed(sentence, "output", str(error))


_PATIENCE = 1.0  # seconds in which a cancelled child may stop by itself and keep its model; then it is killed
_IDLE = 600.0  # seconds after which a child without work is ended


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
        self._ending: list[threading.Thread] = []
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
        self._give_work()

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
                self._end_child()
                raise message
            else:
                events += self._take(*message)
        if self._stopping is not None and time.monotonic() > self._stopping[1]:
            self._end_child()
        self._give_work()
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
            self._wait_for_work()

    def close(self) -> None:
        """Kill the child, if there is one, and wait until it and its files are gone."""
        with self._lock:
            if self._idle_timer is not None:
                self._idle_timer.cancel()
            self._current, self._waiting, self._events = None, None, []
            self._end_child()
        for thread in self._ending:
            thread.join()
        self._ending = []

    def _give_work(self) -> None:
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
                self._wait_for_work()
        if number != self._current:
            return []
        if over:
            self._current = None
            self._wait_for_work()
        return [event]

    def _child_is_gone(self, message: Exit) -> list[Event]:
        self._end_child()
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

    def _end_child(self, patience: float = 0.0) -> None:
        """End the child in the background; it may take a moment to give back its memory."""
        child, self._child, self._stopping = self._child, None, None
        if child is None:
            return
        if self._feeder is not None:
            self._feeder.stop()
        self._ending = [thread for thread in self._ending if thread.is_alive()]
        self._ending.append(threading.Thread(target=child.end, args=(patience,), daemon=True))
        self._ending[-1].start()

    def _wait_for_work(self) -> None:
        """Nothing to do: wait for the next job, but not forever."""
        self._idle_timer = threading.Timer(self._idle_seconds, self._end_idle_child)
        self._idle_timer.daemon = True
        self._idle_timer.start()

    def _end_idle_child(self) -> None:
        with self._lock:
            if self._current is None and self._stopping is None:
                self._end_child(patience=_PATIENCE)
