"""Private temporary folders that do not stay behind, however their owner ends."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

_PREFIX = "segae-worker-"
_LOCK = "in-use"
_YOUNG = 60.0  # seconds; a folder that was just made may not hold its lock yet


class Scratch:
    """A folder for this user only (mode 0700), in `parent` or where the system keeps temporary files.

    A lock marks it as in use. The system releases the lock when the process ends, in whatever way. Raises
    OSError when the folder cannot be made.
    """

    def __init__(self, parent: Path | None = None) -> None:
        remove_stale(parent)
        self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True)
        self.path = Path(self._folder.name)
        self._lock = (self.path / _LOCK).open("wb")
        _lock(self._lock)

    def remove(self) -> None:
        """Remove the folder and all in it; a second call does nothing."""
        self._lock.close()
        self._folder.cleanup()


def remove_stale(parent: Path | None = None) -> None:
    """Remove the folders of processes that are gone. Folders in use and those of other users stay."""
    for folder in Path(parent or tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if not folder.is_symlink() and _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)  # another process may be removing it now


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
    """Take the lock for as long as `file` is open in this process; False when another process has it."""
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
