"""What a panel may ask of a scoring job, whether it runs here or in a child process."""

from __future__ import annotations

from typing import Protocol

from segae.data import Segmentation, Volume
from segae.worker.events import Event
from segae.worker.settings import JobSettings


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
