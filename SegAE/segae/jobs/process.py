"""A child process with its pipes, its environment and its private folder, and what its end means."""

from __future__ import annotations

import io
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import segae.jobs
from segae.jobs.events import Event, Failed, decode

_PREFIX = "segae-worker-"
_LOCK = "in-use"
_YOUNG = 60.0  # seconds; a folder that was just made may not carry its lock yet


class Scratch:
    """A folder for this user only (mode 0700), in `parent` or where the system keeps temporary files.

    A lock marks it as in use: the system takes that away with the process, however it ends. Raises OSError
    when the folder cannot be made.
    """

    def __init__(self, parent: Path | None = None) -> None:
        remove_leftovers(parent)
        self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True)
        self.path = Path(self._folder.name)
        self._lock = (self.path / _LOCK).open("wb")
        _lock(self._lock)

    def remove(self) -> None:
        """Remove the folder and all in it; again is no error."""
        self._lock.close()
        self._folder.cleanup()


def remove_leftovers(parent: Path | None = None) -> None:
    """Remove the folders of processes that are gone. Those in use, and those of other users, stay."""
    for folder in Path(parent or tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if not folder.is_symlink() and _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)  # someone else may be removing it right now


def _is_abandoned(folder: Path) -> bool:
    try:
        if time.time() - folder.stat().st_mtime < _YOUNG:
            return False
        with (folder / _LOCK).open("r+b") as lock:
            return _lock(lock)
    except FileNotFoundError:  # its owner was killed before the lock was made, or while removing it
        return True
    except OSError:  # another user's
        return False


def _lock(file: IO[bytes]) -> bool:
    """Take the lock for as long as `file` is open in this process; False when another one has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


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


def python_executable() -> str:
    """PythonSlicer where there is one on the path, as inside the application, else the running Python."""
    return shutil.which("PythonSlicer") or sys.executable


def child_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables of this process with `segae` in front of PYTHONPATH and UTF-8 for names with accents."""
    kept = {name: value for name, value in inherited.items() if name not in _NOT_FOR_CHILDREN}
    paths = [str(_package().parents[1]), *filter(None, [inherited.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}


def child_command(executable: str, scratch: Path) -> list[str]:
    """The child's command line; it is given by its path because a launcher may replace PYTHONPATH."""
    return [executable, str(_package() / "__main__.py"), str(scratch)]


def _package() -> Path:
    """The folder of `segae.jobs`."""
    assert segae.jobs.__file__ is not None
    return Path(segae.jobs.__file__).resolve().parent


_ACCESS_VIOLATION = 0xC0000005  # how Windows ends a program that crashes
_SHELL_SIGNAL = 128  # a shell in between turns signal n into exit code 128 + n


def explain_exit(code: int, details: str) -> Failed:
    """`code` as subprocess gives it (negative: killed by a signal); `details`: the end of stderr."""
    number = -code if code < 0 else code - _SHELL_SIGNAL
    name = _signal_name(number)
    if name == "SIGKILL":
        sentence = (
            "The scoring process was killed from outside, most likely because memory ran out; close other "
            "programs, or score fewer segments at a time."
        )
        return Failed(sentence, "memory", details)
    if name or code == _ACCESS_VIOLATION:
        sentence = (
            f"The scoring process crashed ({name or 'access violation'}); score again, and install PyTorch "
            "again if it stays so."
        )
        return Failed(sentence, "crash", details)
    last = details.strip().splitlines()[-1:] or ["no message"]
    sentence = f"The scoring process ended with code {code} ({last[0].strip()}); report it with the log."
    return Failed(sentence, "crash", details)


def _signal_name(number: int) -> str | None:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None


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
