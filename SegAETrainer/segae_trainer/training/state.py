"""`state.json`: what the training is doing, for panels and people."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

from segae.errors import OutputError
from segae_trainer.training.run_folder import write_json

State = Literal["running", "finished", "stopped", "failed"]
_BEAT = 5.0  # seconds


class StateFile:
    """Tells the state as it changes, and that the training is alive every few seconds. Times are seconds
    since 1970."""

    def __init__(self, path: Path, epochs: int, epoch: int = 0) -> None:
        self.path, self.epochs, self.epoch = path, epochs, epoch
        self._started = time.time()
        self._told = 0.0

    def running(self, epoch: int, message: str = "") -> None:
        """`epoch` epochs are done."""
        self.epoch = epoch
        self._write("running", message)

    def beat(self) -> None:
        """Called often; writes now and then."""
        if time.monotonic() - self._told > _BEAT:
            self._write("running", "")

    def ended(self, state: State, message: str = "") -> None:
        """A full disk must not hide the reason for which the training ends."""
        with suppress(OutputError):
            self._write(state, message)

    def _write(self, state: State, message: str) -> None:
        content = {
            "state": state,
            "pid": os.getpid(),
            "started": self._started,
            "epoch": self.epoch,
            "epochs": self.epochs,
            "message": message,
            "heartbeat": time.time(),
        }
        write_json(content, self.path)
        self._told = time.monotonic()
