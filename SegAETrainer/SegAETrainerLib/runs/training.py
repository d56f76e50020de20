"""One training: its folder, what it is doing, started, followed, stopped, and found again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from segae.errors import InputError
from segae.files import whole_file
from segae.jobs.detached import DetachedProcess, is_alive
from segae_trainer.train.progress import read_metrics
from segae_trainer.train.run_folder import RunFolder
from SegAETrainerLib.runs.commands import explain_end, start_detached

Told = Literal["running", "finished", "stopped", "failed"]  # what a training writes
State = Literal["none", "starting", "stopping", "interrupted", "running", "finished", "stopped", "failed"]
BUSY: frozenset[State] = frozenset({"starting", "running", "stopping"})
RESUMABLE: frozenset[State] = frozenset({"stopped", "failed", "interrupted"})


@dataclass(frozen=True)
class RunState:
    """`epoch` of `epochs` are done. `message`: the training's own sentence, or ""."""

    state: State
    epoch: int = 0
    epochs: int = 0
    message: str = ""

    @property
    def is_busy(self) -> bool:
        """Whether a process works on it."""
        return self.state in BUSY

    @property
    def went_wrong(self) -> bool:
        """Whether it ended otherwise than asked for, and says why."""
        return self.state in ("none", "failed", "interrupted") and bool(self.message)


def read_run_state(run: RunFolder, alive: Callable[[int], bool] = is_alive) -> RunState:
    """The state of a run folder; "interrupted" when it says that it runs and its process is gone, "stopping"
    when it was asked to stop. Raises `InputError` when its state file is none."""
    try:
        told = json.loads(run.state.read_text(encoding="utf-8"))
        state, pid = told["state"], int(told.get("pid") or 0)
        epoch, epochs = int(told.get("epoch") or 0), int(told.get("epochs") or 0)
        if state not in get_args(Told):
            raise ValueError(state)
    except FileNotFoundError:
        return RunState("none")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            f'"{run.state}" does not tell the state of a training; choose another run folder.'
        ) from None
    if state == "running" and not alive(pid):
        state = "interrupted"
    elif state == "running" and run.stop.exists():
        state = "stopping"
    return RunState(state, epoch, epochs, str(told.get("message") or ""))


def find_runs(work: Path) -> tuple[Path, ...]:
    """The folders of trainings in a work folder, those that changed last first."""
    try:
        found = [path for path in work.iterdir() if RunFolder(path).state.is_file()]
        return tuple(sorted(found, key=lambda path: RunFolder(path).state.stat().st_mtime_ns, reverse=True))
    except OSError:  # not there yet, or a folder is being removed
        return ()


def best_lcc(folder: Path) -> tuple[RunState, float | None]:
    """What the training of a folder does, and its highest LCC on validation scans, None before the first; a
    damaged folder holds no training."""
    run = RunFolder(folder)
    try:
        values = [row.val_lcc for row in read_metrics(run.metrics) if math.isfinite(row.val_lcc)]
        return read_run_state(run), max(values, default=None)
    except InputError:
        return RunState("none"), None


def write_orders(run: RunFolder, arguments: Sequence[str]) -> None:
    """Keep them. Raises `OutputError`."""
    with whole_file(run.orders) as stream:
        stream.write(json.dumps({"arguments": list(arguments)}, indent=1, ensure_ascii=False).encode())


def read_orders(run: RunFolder) -> list[str] | None:
    """None when the training was not started from the panel. Raises `InputError` for a damaged file."""
    try:
        return [str(word) for word in json.loads(run.orders.read_text(encoding="utf-8"))["arguments"]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f'"{run.orders}" is damaged; remove it and resume with the same settings.') from None


class Training:
    """The training of a run folder, whether we started it or not. Its process outlives this object."""

    def __init__(self, folder: Path) -> None:
        self.run = RunFolder(folder)
        self._process: DetachedProcess | None = None
        self._stamp_before = 0

    def start(self, arguments: Sequence[str]) -> None:
        """Begin, or go on where it was; raises `OutputError` when no process can be started."""
        with suppress(FileNotFoundError):
            self.run.stop.unlink()
        self._stamp_before = self._stamp()
        self._process = start_detached(arguments, self.run.log)

    def request_stop(self) -> None:
        """Ask it to end after the step it is at; raises `OutputError` when the folder cannot be written."""
        with whole_file(self.run.stop):
            pass

    def state(self) -> RunState:
        """What it does now; raises `InputError` when the folder is none of a training."""
        process = self._process
        code = None if process is None else process.exit_code  # asked first: the state is then the last one
        state = read_run_state(self.run, self._alive)
        if process is None:
            return state
        told_anything = self._stamp() != self._stamp_before
        if code is None:
            return state if told_anything else replace(state, state="starting", message="")
        why = explain_end(code, process.log)
        return replace(state, message=(state.message if told_anything else "") or why)

    def _alive(self, pid: int) -> bool:
        process = self._process
        return process.exit_code is None if process is not None and pid == process.pid else is_alive(pid)

    def _stamp(self) -> int:
        """Changes with the state file."""
        try:
            return self.run.state.stat().st_mtime_ns
        except FileNotFoundError:
            return 0
