"""A program that outlives this process, with its words in a log file, and whether it is still there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from segae.errors import OutputError
from segae.files import python_executable, reason
from segae.jobs.process import NO_WINDOW, child_environment, end_tree

_SYNCHRONIZE, _TIMED_OUT = 0x00100000, 0x102  # access right and answer of Windows' WaitForSingleObject
_NEW_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0


class DetachedProcess:
    """A Python script in a session of its own, with nothing to read. It goes on when this process ends, and
    is found again by its process id (`is_alive`) and what it writes.

    `script` finds what it imports by its own path. Raises `OutputError` when it cannot be started.
    """

    def __init__(self, script: Path, arguments: Sequence[str], log: Path) -> None:
        self.log = Log(log)
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as stream:
                self._process = subprocess.Popen(
                    [python_executable(), str(script), *arguments],
                    stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
                    env={**child_environment(os.environ), "PYTHONUNBUFFERED": "1"},
                    start_new_session=True, creationflags=NO_WINDOW | _NEW_GROUP,
                )  # fmt: skip
        except OSError as error:
            raise OutputError(
                f'The program cannot be started with its log in "{log}" ({reason(error)}); check the folder.'
            ) from error

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._process.poll()

    def kill(self) -> None:
        """End it and what it started, at once."""
        if self.exit_code is None:
            end_tree(self.pid)
            self._process.wait()


class Log:
    """What is added to a log file from now on, or all of it (`whole`)."""

    _TAIL = 20_000  # bytes at its end that are looked at

    def __init__(self, path: Path, *, whole: bool = False) -> None:
        self.path = path
        try:
            self._begin = 0 if whole else path.stat().st_size
        except OSError:  # not there yet
            self._begin = 0

    def lines(self) -> list[str]:
        """The lines that are not empty, or the last of many."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(0, os.SEEK_END)
                stream.seek(max(self._begin, stream.tell() - self._TAIL))
                text = stream.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return []
        return [line.rstrip() for line in text.splitlines() if line.strip()]


def is_alive(pid: int) -> bool:
    """Whether the process `pid` exists. One of our own that has ended is reaped, so that it does not stay
    behind as a zombie that looks alive."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        return _is_alive_on_windows(pid)
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:  # not started by us, or by us before a restart
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def _is_alive_on_windows(pid: int) -> bool:
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]  (os.kill would end the process there)
    handle = kernel.OpenProcess(_SYNCHRONIZE, False, pid)
    if not handle:
        return False
    try:
        return kernel.WaitForSingleObject(handle, 0) == _TIMED_OUT
    finally:
        kernel.CloseHandle(handle)
