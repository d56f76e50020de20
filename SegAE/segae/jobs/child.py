"""The child: takes jobs from stdin, does them, and never outlives its parent."""

from __future__ import annotations

import faulthandler
import json
import os
import queue
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from segae.jobs.calls import call
from segae.jobs.events import Event, Progress, encode
from segae.jobs.payload import Payload, read_payload
from segae.jobs.process import OWN_GROUP
from segae.jobs.tasks import WarmScorer, job_events
from segae.progress import CancelToken, Step, Watch


@dataclass(frozen=True)
class _Job:
    """`message`: the parent's line."""

    number: int
    message: dict[str, Any]
    cancel: CancelToken


class _Worker:
    """Does jobs, and keeps the model and the last CT between them."""

    def __init__(self, send: Callable[[int, Event], None]) -> None:
        self._send = send
        self._scorer = WarmScorer()
        self._payload: Payload | None = None

    def do(self, job: _Job) -> None:
        """Do a job and send what it tells. An error of ours is raised."""
        if job.message["command"] == "call":
            watch = Watch(lambda step: self._send(job.number, _progress(step)), job.cancel)
            message = job.message
            self._send(job.number, call(message["function"], message["arguments"], message["paths"], watch))
        else:
            for event in self._score(Path(job.message["folder"]), job.cancel):
                self._send(job.number, event)

    def _score(self, folder: Path, cancel: CancelToken) -> Iterator[Event]:
        """The job's folder is read and removed, then the job is done. A cancelled job is read too: the
        parent counts on its CT being here."""
        payload = self._payload = read_payload(folder, self._payload)
        shutil.rmtree(folder, ignore_errors=True)  # the parent tries again
        yield from job_events(self._scorer, payload.ct, payload.segmentation, payload.settings, cancel)


def main(scratch: Path) -> None:
    """Serve until stdin or stdout ends, then remove `scratch` and end the process. An error of ours is
    raised, and leaves its traceback on stderr for the parent to find."""
    faulthandler.enable()
    out = _take_stdout()
    jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs, scratch), daemon=True).start()

    def send(number: int, event: Event) -> None:
        try:
            out.write(encode(number, event))
            out.flush()
        except BrokenPipeError:  # nobody listens; often noticed before stdin ends
            _leave(scratch)

    worker = _Worker(send)
    while True:
        worker.do(jobs.get())


def tell_progress(stage: str, done: int, total: int) -> None:
    """Send a step of the only job of this child from a place that has no `Watch`, or from a process that the
    child has started."""
    sys.stderr.write(encode(1, Progress(stage, done, total)).decode())
    sys.stderr.flush()


def _progress(step: Step) -> Progress:
    return Progress(step.stage, step.done, step.total)


def _leave(scratch: Path) -> NoReturn:
    """End the process at once, whatever the other thread does, and take the private folder and the processes
    that it started along."""
    shutil.rmtree(scratch, ignore_errors=True)
    if OWN_GROUP in os.environ and sys.platform != "win32":
        os.killpg(0, signal.SIGTERM)
    os._exit(0)


def _take_stdout() -> Any:
    """The stream for events; whatever else is printed goes to stderr from now on."""
    sys.stdout.flush()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _listen(jobs: queue.SimpleQueue[_Job], scratch: Path) -> None:
    """Pass jobs on, cancel those that the parent names, end the process when the parent does."""
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
                jobs.put(_Job(number, message, tokens[number]))
    _leave(scratch)
