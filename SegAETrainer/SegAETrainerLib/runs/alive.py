"""Whether a process of this computer is still there."""

from __future__ import annotations

import os
import sys

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
