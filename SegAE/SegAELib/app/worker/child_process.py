"""The child process, its pipes and its folder."""

from __future__ import annotations

import io
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass

from segae.worker.events import Event
from segae.worker.messages import decode
from SegAELib.app.worker.environment import child_command, child_environment
from SegAELib.app.worker.scratch import Scratch

_TAIL = 40  # lines of stderr that are kept
_GOODBYE = 5.0  # seconds for a launcher's child to see that its input ended
_FLAGS = subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0


@dataclass(frozen=True)
class Exit:
    """The child is gone: its exit code, negative for a signal, and the last it wrote to stderr."""

    code: int
    details: str


class ChildProcess:
    """A child in a process group of its own, so that a launcher in between dies with it.

    `messages`: (job, event) as they come, and `Exit` at the end; an error of ours when a thread met one.
    `digest`: of the CT that it holds. Raises OSError when it cannot be started.
    """

    def __init__(self, executable: str, scratch: Scratch) -> None:
        self.scratch = scratch
        self.messages: queue.SimpleQueue[tuple[int, Event] | Exit | Exception] = queue.SimpleQueue()
        self.digest = ""
        self._process = subprocess.Popen(
            child_command(executable, scratch.path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=child_environment(os.environ),
            start_new_session=True,
            creationflags=_FLAGS,
        )
        self._stderr: deque[bytes] = deque(maxlen=_TAIL)
        self._errors = threading.Thread(target=self._read_errors, daemon=True)
        self._events = threading.Thread(target=self._read_events, daemon=True)
        self._errors.start()
        self._events.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, line: bytes) -> None:
        """Write a command; a child that is gone is reported by its `Exit`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
        except (OSError, ValueError):  # broken or closed pipe
            return

    def end(self, patience: float = 0.0) -> None:
        """End of input, `patience` seconds to obey, then kill; reaps the child and removes its folder."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._kill()
            self._process.wait()
        self._events.join(_GOODBYE)
        self.scratch.remove()

    def _kill(self) -> None:
        if sys.platform == "win32":
            self._process.kill()  # a child behind a launcher sees the end of its input
        else:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:  # it ended by itself in this moment
                return

    def _read_events(self) -> None:
        assert isinstance(self._process.stdout, io.RawIOBase)
        with io.BufferedReader(self._process.stdout) as stdout:
            for line in stdout:
                message = decode(line)
                if message is not None:
                    self.messages.put(message)
        code = self._process.wait()  # so that there is no zombie, whether anyone polls or not
        self._errors.join()
        self.messages.put(Exit(code, b"".join(self._stderr).decode("utf-8", "replace")))

    def _read_errors(self) -> None:
        assert isinstance(self._process.stderr, io.RawIOBase)
        with io.BufferedReader(self._process.stderr) as stderr:
            self._stderr.extend(stderr)
