"""Run a stage in a child process: follow it, stop it, and say what went wrong."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from typing import Any, TextIO

from segae.errors import OutputError, SegAEError
from segae.progress import Step, Watch
from segae_trainer.pseudo_labels.dataset import write_json
from segae_trainer.pseudo_labels.messages import parse_message
from segae_trainer.pseudo_labels.workspace import Workspace

CHILD = ("segae_trainer.pseudo_labels.child",)  # module that runs, and what stands before its arguments
_LOOK_EVERY = 0.5  # seconds between two looks at the cancel token
_PATIENCE = 10.0  # seconds that a child gets to end by itself


def run_child(workspace: Workspace, job: dict[str, Any], workers: int | None, watch: Watch) -> None:
    """Run `job` in a child; its lines go to the workspace's log, its steps to `watch`.

    When it is cancelled or this process is interrupted, the child and all its processes end. Raises the error
    that the child told, or `OutputError` with its last line when it ended otherwise.
    """
    job_file, log = workspace.root / "logs" / "job.json", workspace.root / "logs" / "nnunet.txt"
    write_json(job_file, job)
    root = str(workspace.root.absolute())
    child = subprocess.Popen(
        [sys.executable, "-m", *CHILD, root, str(job_file)],
        env=dict(workspace.environment(workers)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        with log.open("a", encoding="utf-8") as file:
            told, last = _follow(child, file, watch)
        code = child.wait()
    finally:
        _end(child)
    if told is not None:
        raise told
    if code != 0:
        raise OutputError(f'nnU-Net ended with "{last}"; free what it lacks and run again, or read "{log}".')


def _follow(child: subprocess.Popen[str], log: TextIO, watch: Watch) -> tuple[SegAEError | None, str]:
    """Until the child closes its output: the error that it told, and its last line."""
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(child, lines), daemon=True).start()
    told, last = None, "nothing"
    while True:
        if watch.cancel is not None:
            watch.cancel.raise_if_cancelled()
        try:
            line = lines.get(timeout=_LOOK_EVERY)
        except queue.Empty:
            continue
        if line is None:
            return told, last
        message = parse_message(line)
        if isinstance(message, Step):
            watch.step(message.stage, message.done, message.total)
        elif message is not None:
            told = message
        else:
            log.write(line)
            last = line.strip() or last


def _read(child: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    if child.stdout is not None:
        for line in child.stdout:
            lines.put(line)
    lines.put(None)


def _end(child: subprocess.Popen[str]) -> None:
    """End the child with the processes that it started, if it is still there."""
    if child.poll() is not None:
        return
    _signal(child, signal.SIGTERM)
    try:
        child.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        _signal(child, getattr(signal, "SIGKILL", signal.SIGTERM))
        child.wait()


def _signal(child: subprocess.Popen[str], number: int) -> None:
    if hasattr(os, "killpg"):
        os.killpg(child.pid, number)
    else:
        child.terminate()
