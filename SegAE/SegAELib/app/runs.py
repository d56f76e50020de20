"""Starts scoring jobs and passes on what they tell, from a timer, so that the application stays usable."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

from segae.data import Segmentation, Volume
from segae.errors import SegAEError
from segae.jobs.events import Cancelled, Event, Failed, Progress, Result, Returned, Scores
from segae.jobs.scoring_job import ScoringJob, WorkerJob
from segae.jobs.settings import JobSettings
from segae.results.types import SliceResult
from SegAELib.app.binding import Ui, _, qt, slicer
from SegAELib.app.idle_tasks import IdleTasks
from SegAELib.app.messages import stage_word

POLL_MS = 50
READING = 0.03  # seconds of each poll in which the scene is read; the rest is the application's

# What a run works on, read in parts: each step yields how many segments are read.
Work = Generator[int, None, tuple[Volume, Segmentation, JobSettings]]


def _ignore(_slices: object) -> None:
    """For work that gives no scores."""


@dataclass(frozen=True)
class RunListener:
    """Who is told what happens; exactly one of the first three ends a run."""

    on_result: Callable[[Result], None]
    on_failed: Callable[[Failed], None]
    on_cancelled: Callable[[], None]
    on_scores: Callable[[Mapping[int, tuple[SliceResult, ...]]], None] = _ignore


class Runs:
    """One run at a time, in a child process; its progress is shown in the panel. What it works on is read
    before in this process, a part at each poll. Between polls idle tasks are done.

    The timer runs only while there is something to do. Call `close` when done: it ends the child.
    """

    def __init__(self, ui: Ui, tasks: IdleTasks) -> None:
        self._ui, self._tasks = ui, tasks
        self._listener: RunListener | None = None
        self._reading: tuple[Work, int] | None = None  # and how many segments it will read
        self._job: ScoringJob = WorkerJob()
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self.tick)
        self._show(False)

    @property
    def running(self) -> bool:
        """Whether a run was started whose end was not told yet."""
        return self._listener is not None

    @property
    def busy(self) -> bool:
        """Whether anything is left to do, be it only the idle tasks after a run."""
        return self._timer.active

    def start(self, work: Work, n_segments: int, listener: RunListener) -> None:
        """Begin a run with the reading of its `n_segments`, and tell `listener` of it. Raises RuntimeError
        while a run is on its way."""
        if self.running:
            raise RuntimeError("a run is on its way already")
        self._reading, self._listener = (work, n_segments), listener
        self._show(True)
        self._progress(Progress("reading", 0, n_segments))
        self._timer.start()

    def cancel(self) -> None:
        """Stop; `on_cancelled` is called at once."""
        if self._reading is not None:
            self._reading[0].close()
            self._reading = None
            self._pass_on(Cancelled())
        elif self.running:
            self._job.cancel()
            self._pass_on_all()

    def say(self, text: str) -> None:
        """How the last run ended, until the next one begins."""
        self._ui.statusLabel.text = text

    def wake(self) -> None:
        """Do the idle tasks that wait, from now on."""
        if self._tasks:
            self._timer.start()

    def tick(self) -> None:
        """Pass on what the job told since the last time, then do some idle tasks.

        Slicer handles timers while it loads or closes a scene, when only a part of it is there: then all of
        that waits.
        """
        scene = slicer.mrmlScene
        if scene.IsBatchProcessing() or scene.IsClosing():
            return
        self._read_on()
        self._pass_on_all()
        self._tasks.run()
        if self._reading is None and not self._job.running and not self._tasks:
            self._timer.stop()

    def close(self) -> None:
        """End everything, without telling anyone."""
        self._timer.stop()
        self._listener = self._reading = None
        self._tasks.clear()
        self._job.close()

    def _read_on(self) -> None:
        """Read some of what the run works on, and start the job when all is read."""
        if self._reading is None:
            return
        work, total = self._reading
        end = time.perf_counter() + READING
        try:
            n_read = next(work)
            while time.perf_counter() < end:
                n_read = next(work)
        except StopIteration as over:
            self._reading = None
            self._ui.progressBar.setRange(0, 0)
            self._progress(Progress("starting"))
            self._job.start(*over.value)
        except SegAEError as error:
            self._reading = None
            self._pass_on(Failed(str(error), "input", ""))
        except Exception as error:
            self._reading = None
            self._pass_on(_fault(error))
            raise
        else:
            self._progress(Progress("reading", n_read, total))

    def _pass_on_all(self) -> None:
        if not self._job.running:
            return
        try:
            events = self._job.poll()
        except Exception as error:  # a fault of ours: say so, and let it be logged
            self._pass_on(_fault(error))
            raise
        for event in events:
            self._pass_on(event)

    def _pass_on(self, event: Event) -> None:
        listener = self._listener
        if listener is None:  # the rest of a run that was stopped
            return
        if isinstance(event, Progress):
            self._progress(event)
        elif isinstance(event, Scores):
            listener.on_scores(event.slices)
        elif not isinstance(event, Returned):  # which only calls of a function give
            self._listener = None
            self._end(listener, event)

    def _end(self, listener: RunListener, event: Result | Failed | Cancelled) -> None:
        self._show(False)
        self.say(_("Stopped.") if isinstance(event, Cancelled) else "")
        if isinstance(event, Failed):
            listener.on_failed(event)
        elif isinstance(event, Cancelled):
            listener.on_cancelled()
        else:
            listener.on_result(event)

    def _progress(self, progress: Progress) -> None:
        if progress.total:
            self._ui.progressBar.setRange(0, progress.total)
            self._ui.progressBar.setValue(progress.done)
        self.say(stage_word(progress))

    def _show(self, running: bool) -> None:
        self._ui.progressBar.setVisible(running)
        self._ui.cancelButton.setVisible(running)


def _fault(error: Exception) -> Failed:
    sentence = _("Scoring stopped by a fault inside SegAE; report it with the log.")
    return Failed(sentence, "crash", repr(error))
