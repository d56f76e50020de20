"""A command of `segae-train` as a process that outlives Slicer, and whether it is still there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import segae_trainer
from segae.errors import OutputError
from segae.jobs.process import child_environment, python_executable

_SYNCHRONIZE, _TIMED_OUT = 0x00100000, 0x102  # access right and answer of Windows' WaitForSingleObject


def is_alive(pid: int) -> bool:
    """Whether the process `pid` exists. One of our own that has ended is taken note of, so that it does not
    stay behind as a zombie that looks alive."""
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


_NAME = "segae-train: "  # how the command begins the line that says what is wrong
_USER_ERROR, _INTERRUPTED = 2, 130
_TAIL = 20_000  # bytes at the end of a log that are looked at
_WINDOWS_FLAGS = 0x08000000 | 0x00000200  # CREATE_NO_WINDOW, CREATE_NEW_PROCESS_GROUP
_FLAGS = _WINDOWS_FLAGS if sys.platform == "win32" else 0


class Child:
    """Runs in a session of its own, with nothing to read and its words in a log file; it outlives this
    process unless `kill` is called. Raises `OutputError` when it cannot be started."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self.log = log
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as stream:
                self._begin = stream.tell()
                self._process = subprocess.Popen(
                    [python_executable(), _script(), *arguments],
                    stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
                    env=_environment(), start_new_session=True, creationflags=_FLAGS,
                )  # fmt: skip
        except OSError as error:
            raise OutputError(
                f'The training cannot be started with its log in "{log}" ({error.strerror or error}); '
                "check the folder."
            ) from error

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._process.poll()

    @property
    def running(self) -> bool:
        return self.exit_code is None

    @property
    def last_line(self) -> str:
        """The last it said."""
        return next(reversed(self._lines()), "")

    def said(self) -> str:
        """All it said, or the end of it."""
        return "\n".join(self._lines())

    def failure(self) -> str:
        """In one sentence, why it ended otherwise than well; "" when it ended well."""
        code = self.exit_code
        if not code:
            return ""
        own = [line[len(_NAME) :] for line in self._lines() if line.startswith(_NAME)]
        if code in (_USER_ERROR, _INTERRUPTED) and own:
            return own[-1][:1].upper() + own[-1][1:]
        if code in (-9, 128 + 9):
            return (
                "The training program was killed from outside, most likely because memory ran out; close "
                "other programs and start it again, it goes on where it was."
            )
        return (
            f"The training program ended with code {code} ({self.last_line or 'no message'}); its log is "
            f'"{self.log}".'
        )

    def kill(self) -> None:
        """End it and what it started, at once."""
        if self.running:
            if sys.platform == "win32":
                self._process.kill()
            else:
                with suppress(ProcessLookupError):  # it ended by itself in this moment
                    os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()

    def _lines(self) -> list[str]:
        with self.log.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(self._begin, stream.tell() - _TAIL))
            text = stream.read().decode("utf-8", "replace")
        return [line.rstrip() for line in text.splitlines() if line.strip()]


def _script() -> str:
    """The package by its path, as a launcher in between may replace PYTHONPATH."""
    return str(_package() / "__main__.py")


def _environment() -> dict[str, str]:
    """As for scoring, with `segae_trainer` in front as well."""
    variables = child_environment(os.environ)
    variables["PYTHONPATH"] = os.pathsep.join([str(_package().parent), variables["PYTHONPATH"]])
    return {**variables, "PYTHONUNBUFFERED": "1"}


def _package() -> Path:
    assert segae_trainer.__file__ is not None
    return Path(segae_trainer.__file__).resolve().parent
