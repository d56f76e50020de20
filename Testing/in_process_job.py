"""Scoring in the process of the test: the same steps and events as those of the child process."""

from __future__ import annotations

from collections.abc import Iterator

from segae.data import Segmentation, Volume
from segae.jobs.events import LAST, Event, Progress
from segae.jobs.settings import JobSettings
from segae.jobs.tasks import WarmScorer, job_events
from segae.progress import CancelToken


class InProcessJob:
    """A `ScoringJob` without a child; `poll` works for as long as one batch takes."""

    def __init__(self) -> None:
        self._scorer = WarmScorer()
        self._steps: Iterator[Event] | None = None
        self._cancel = CancelToken()

    @property
    def running(self) -> bool:
        return self._steps is not None

    def start(self, ct: Volume, segmentation: Segmentation, settings: JobSettings) -> None:
        if self.running:
            raise RuntimeError("the job before this one is still running")
        self._cancel = CancelToken()
        self._steps = job_events(self._scorer, ct, segmentation, settings, self._cancel)

    def poll(self) -> list[Event]:
        """One piece of work. An error of ours ends the job and is raised."""
        # Taken away while at work: a call from inside (a panel that handles events) finds nothing to do.
        steps, self._steps = self._steps, None
        events: list[Event] = []
        for event in steps or ():
            events.append(event)
            if isinstance(event, LAST):
                break
            if isinstance(event, Progress):
                self._steps = steps
                break
        return events

    def cancel(self) -> None:
        self._cancel.cancel()

    def close(self) -> None:
        """Forget the job and the model."""
        self._steps = None
        self._scorer = WarmScorer()
