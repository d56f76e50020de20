"""The child: takes jobs from stdin, does them, and never outlives its parent."""

from __future__ import annotations

import faulthandler
import json
import os
import queue
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from segae.jobs.events import Event, encode
from segae.jobs.payload import Parcel, read_parcel
from segae.jobs.tasks import WarmScorer, job_events
from segae.progress import CancelToken


@dataclass(frozen=True)
class _Job:
    number: int
    folder: Path
    cancel: CancelToken


class _Bench:
    """What stays on the table between jobs: the model, and the last CT."""

    def __init__(self) -> None:
        self._scorer = WarmScorer()
        self._parcel: Parcel | None = None

    def work(self, job: _Job) -> Iterator[Event]:
        """The job's folder is read and removed, then the job is done. A cancelled job is read too: the
        parent counts on its CT being here."""
        parcel = self._parcel = read_parcel(job.folder, self._parcel)
        shutil.rmtree(job.folder, ignore_errors=True)  # the parent tries again
        yield from job_events(self._scorer, parcel.ct, parcel.segmentation, parcel.settings, job.cancel)


def main(scratch: Path) -> None:
    """Serve until stdin or stdout ends, then remove `scratch` and end the process. An error of ours is
    raised, and leaves its traceback on stderr for the parent to find."""
    faulthandler.enable()
    out = _take_stdout()
    jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs, scratch), daemon=True).start()
    bench = _Bench()
    while True:
        job = jobs.get()
        for event in bench.work(job):
            try:
                out.write(encode(job.number, event))
                out.flush()
            except BrokenPipeError:  # nobody listens; often noticed before stdin ends
                _leave(scratch)


def _leave(scratch: Path) -> NoReturn:
    """End the process at once, whatever the other thread does, and take the parcels along."""
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(0)


def _take_stdout() -> BinaryIO:
    """The stream for events; whatever else is printed goes to stderr from now on."""
    sys.stdout.flush()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _listen(jobs: queue.SimpleQueue[_Job], scratch: Path) -> None:
    """Pass jobs on, switch cancelled ones off, end the process when the parent does."""
    tokens: dict[int, CancelToken] = {}
    # Unbuffered: a buffered stream that a thread waits on cannot be closed when Python ends.
    with open(0, "rb", buffering=0, closefd=False) as commands:
        for line in commands:
            message = json.loads(line)
            number = message["job"]
            if message["command"] == "cancel":
                tokens[number].cancel()
            else:
                tokens[number] = CancelToken()
                jobs.put(_Job(number, Path(message["folder"]), tokens[number]))
    _leave(scratch)
