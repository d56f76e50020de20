"""One training: its folder, what it is doing, started, followed, stopped, and found again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from segae.errors import InputError
from segae.files import whole_file
from SegAETrainerLib.runs.process import Child, is_alive


@dataclass(frozen=True)
class RunFolder:
    """The folder of one training. `segae-train train` writes what `segae_trainer.train.run_folder` names
    (which cannot be asked before the packages for training are there); orders, log and evaluation are
    ours."""

    path: Path

    @property
    def state(self) -> Path:
        """How far it is, and which process works on it."""
        return self.path / "state.json"

    @property
    def metrics(self) -> Path:
        """A row per epoch."""
        return self.path / "metrics.csv"

    @property
    def stop(self) -> Path:
        """A training that runs ends after its step when this file is there."""
        return self.path / "stop"

    @property
    def model(self) -> Path:
        """The trained model, when it is finished."""
        return self.path / "model.safetensors"

    @property
    def orders(self) -> Path:
        """The command that the panel started it with."""
        return self.path / "panel.json"

    @property
    def log(self) -> Path:
        """What the processes that the panel started said."""
        return self.path / "panel.log"

    @property
    def evaluation(self) -> Path:
        """Folder of the evaluation."""
        return self.path / "evaluation"


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
