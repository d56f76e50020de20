"""What a training is doing, as its run folder and its process tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from segae.errors import InputError
from SegAETrainerLib.runs.alive import is_alive
from SegAETrainerLib.runs.run_folder import RunFolder

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
