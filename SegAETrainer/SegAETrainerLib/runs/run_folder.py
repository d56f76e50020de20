"""Where the files of a training lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFolder:
    """The folder of one training. `segae-train train` writes what `segae_trainer.training.run_folder` names
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
