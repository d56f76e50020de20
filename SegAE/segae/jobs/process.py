"""A child process that never outlives this one: its environment, its pipes, and what its end means."""

from __future__ import annotations

import io
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

import segae.jobs
from segae.jobs.events import Event, Failed, decode
from segae.jobs.scratch import Scratch

# Set for the parent's own Python, or by someone who debugs it: a child of another Python dies of them, or
# waits for input at its end. PythonSlicer sets what it needs by itself.
_NOT_FOR_CHILDREN = (
    "PYTHONHOME",
    "PYTHONEXECUTABLE",
    "__PYVENV_LAUNCHER__",
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    "PYTHONWARNINGS",
)
OWN_GROUP = "SEGAE_OWN_PROCESS_GROUP"  # set for a child that may end its whole process group
NO_WINDOW = subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0


def child_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables of a child: those of this process, changed so that `segae` can be imported from the
    folder it lies in, installed or not, text is UTF-8, and OpenMP has as many threads as may compute, which
    leave the processor to others while they wait."""
    kept = {name: value for name, value in inherited.items() if name not in _NOT_FOR_CHILDREN}
    paths = [str(_package().parents[1]), *filter(None, [inherited.get("PYTHONPATH")])]
    return {
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": str(threads()),
        **kept,  # what the user has set wins
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUTF8": "1",
        "PYTHONIOENCODING": "utf-8",
    }


_MOST_THREADS = 16  # more of them wait for each other longer than they compute


def threads() -> int:
    """How many threads of a child compute: those processors that this process may use (a container or a
    scheduler may grant fewer than there are), of three and more all but one, which draws the window."""
    if sys.platform == "linux":
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return min(_MOST_THREADS, count if count <= 2 else count - 1)


def child_command(executable: str, scratch: PurePath) -> list[str]:
    """The child's command line; it is given by its path because a launcher may replace PYTHONPATH."""
    return [executable, str(_package() / "__main__.py"), str(scratch)]


def _package() -> Path:
    """The folder of `segae.jobs`."""
    assert segae.jobs.__file__ is not None
    return Path(segae.jobs.__file__).resolve().parent


def end_tree(pid: int) -> None:
    """End a process that leads a group of its own, and all that it started, at once. A launcher in between
    must not leave its program behind."""
    if sys.platform == "win32":
        words = ["taskkill", "/F", "/T", "/PID", str(pid)]
        subprocess.run(words, capture_output=True, creationflags=NO_WINDOW, check=False)
    else:
        with suppress(ProcessLookupError):  # it ended by itself in this moment
            os.killpg(pid, signal.SIGKILL)


_ACCESS_VIOLATION = 0xC0000005  # how Windows ends a program that crashes
_SHELL_SIGNAL = 128  # a shell in between turns signal n into exit code 128 + n


@dataclass(frozen=True)
class ExitMessages:
    """What an end without a last event is called in a sentence: who ended, what to do when memory ran out,
    and what to do when it crashed or had a fault."""

    name: str
    on_memory: str
    on_crash: str
    on_fault: str


SCORING = ExitMessages(
    "The scoring process",
    "close other programs, or score fewer segments at a time",
    "score again, and install PyTorch again if it stays so",
    "report it with the log",
)


def explain_exit(code: int, details: str, messages: ExitMessages = SCORING) -> Failed:
    """What an exit code means. `code`: as subprocess gives it (negative: killed by a signal); `details`: the
    end of stderr."""
    number = -code if code < 0 else code - _SHELL_SIGNAL
    name = _signal_name(number)
    if name == "SIGKILL":
        why = "was killed from outside, most likely because memory ran out"
        sentence = f"{messages.name} {why}; {messages.on_memory}."
        return Failed(sentence, "memory", details)
    if name or code == _ACCESS_VIOLATION:
        return Failed(
            f"{messages.name} crashed ({name or 'access violation'}); {messages.on_crash}.", "crash", details
        )
    last = details.strip().splitlines()[-1:] or ["no message"]
    sentence = f"{messages.name} ended with code {code} ({last[0].strip()}); {messages.on_fault}."
    return Failed(sentence, "crash", details)


def _signal_name(number: int) -> str | None:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None


_TAIL = 40  # lines of stderr that are kept
_LAUNCHER = 5.0  # seconds for the child of a launcher to see that its input ended


@dataclass(frozen=True)
class Exit:
    """The child is gone: its exit code, negative for a signal, and the last it wrote to stderr."""

    code: int
    details: str


class ChildProcess:
    """The program of `segae.jobs` as a child, in a process group of its own, so that a launcher in between
    and processes that it starts die with it. It ends when this process does, in whatever way.

    `messages`: (job, event) as they come, and `Exit` at the end; an error of ours when a thread met one.
    `digest`: of the CT that it holds. `log`: file to which its stderr is added. `variables`: more
    environment variables. Raises OSError when it cannot be started.
    """

    def __init__(
        self,
        executable: str,
        scratch: Scratch,
        *,
        log: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.scratch = scratch
        self.messages: queue.SimpleQueue[tuple[int, Event] | Exit | Exception] = queue.SimpleQueue()
        self.digest = ""
        self._log = None if log is None else log.open("ab")
        try:
            self._process = subprocess.Popen(
                child_command(executable, scratch.path),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env={**child_environment(os.environ), OWN_GROUP: "1", **(variables or {})},
                start_new_session=True,
                creationflags=NO_WINDOW,
            )
        except OSError:
            if self._log is not None:
                self._log.close()
            raise
        self._stderr: deque[bytes] = deque(maxlen=_TAIL)
        self._readers = [
            threading.Thread(target=read, daemon=True) for read in (self._read_events, self._read_errors)
        ]
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        for thread in (*self._readers, self._waiter):
            thread.start()

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
            end_tree(self.pid)
            self._process.wait()
        self._waiter.join(_LAUNCHER)
        self.scratch.remove()

    def _wait(self) -> None:
        """Reap the child, whether anyone polls or not, and end what it left behind."""
        code = self._process.wait()
        if sys.platform != "win32":
            end_tree(self.pid)
        for thread in self._readers:
            thread.join()
        self.messages.put(Exit(code, b"".join(self._stderr).decode("utf-8", "replace")))

    def _read_events(self) -> None:
        assert isinstance(self._process.stdout, io.RawIOBase)
        with io.BufferedReader(self._process.stdout) as stdout:
            for line in stdout:
                message = decode(line)
                if message is not None:
                    self.messages.put(message)

    def _read_errors(self) -> None:
        """Keep the end of stderr, and all of it in the log. Events come here from processes that the child
        started, which have no other stream."""
        assert isinstance(self._process.stderr, io.RawIOBase)
        with io.BufferedReader(self._process.stderr) as stderr:
            for line in stderr:
                message = decode(line) if line.startswith(b'{"event"') else None
                if message is not None:
                    self.messages.put(message)
                    continue
                self._stderr.append(line)
                if self._log is not None:
                    self._write_log(line)
        if self._log is not None:
            self._log.close()
            self._log = None

    def _write_log(self, line: bytes) -> None:
        assert self._log is not None
        try:
            self._log.write(line)
            self._log.flush()
        except OSError:  # a full disk must not stop the work; the tail is kept in memory
            self._log.close()
            self._log = None
