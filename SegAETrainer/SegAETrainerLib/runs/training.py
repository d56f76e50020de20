"""One training: started, followed, asked to stop, and found again by whoever comes later."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from segae.whole_file import whole_file
from SegAETrainerLib.runs.alive import is_alive
from SegAETrainerLib.runs.child import Child
from SegAETrainerLib.runs.run_folder import RunFolder
from SegAETrainerLib.runs.run_state import RunState, read_run_state


class Training:
    """The training of a run folder, whether we started it or not. Its process outlives this object."""

    def __init__(self, folder: Path) -> None:
        self.run = RunFolder(folder)
        self._child: Child | None = None
        self._stamp_before = 0

    def start(self, arguments: Sequence[str]) -> None:
        """Begin, or go on where it was; raises `OutputError` when no process can be started."""
        with suppress(FileNotFoundError):
            self.run.stop.unlink()
        self._stamp_before = self._stamp()
        self._child = Child(arguments, self.run.log)

    def request_stop(self) -> None:
        """Ask it to end after the step it is at; raises `OutputError` when the folder cannot be written."""
        with whole_file(self.run.stop):
            pass

    def state(self) -> RunState:
        """What it does now; raises `InputError` when the folder is none of a training."""
        child = self._child
        running = child is not None and child.running  # asked first: it tells the exit code only once
        state = read_run_state(self.run, self._alive)
        if child is None:
            return state
        told_anything = self._stamp() != self._stamp_before
        if running:
            return state if told_anything else replace(state, state="starting", message="")
        why = child.failure()
        return replace(state, message=(state.message if told_anything else "") or why)

    def _alive(self, pid: int) -> bool:
        return self._child.running if self._child is not None and pid == self._child.pid else is_alive(pid)

    def _stamp(self) -> int:
        """Changes with the state file."""
        try:
            return self.run.state.stat().st_mtime_ns
        except FileNotFoundError:
            return 0
