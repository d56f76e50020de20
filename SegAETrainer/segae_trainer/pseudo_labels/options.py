"""How STU-Net is fine-tuned, without torch, so that options can be checked before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from segae.errors import InputError


@dataclass(frozen=True)
class Size:
    """`width`: channels of the first stage; `depth`: residual blocks of each stage."""

    width: int
    depth: int

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the six stages."""
        return tuple(self.width * factor for factor in (1, 2, 4, 8, 16, 16))


SIZES: Mapping[str, Size] = MappingProxyType(
    {"S": Size(16, 1), "B": Size(32, 1), "L": Size(64, 2), "H": Size(96, 3)}
)

KEPT_EPOCHS = (10, 20, 30, 40, 50, 100, 200, 300, 400, 500)


@dataclass(frozen=True)
class FineTuning:
    """`size`: S, B, L or H. `weights`: file to start from, None for random weights.

    `kept_epochs`: epochs after which the weights are kept; the last one ends the training, of `iterations`
    batches each, and `val_iterations` to watch it. `learning_rate`: of SGD, falling to 0 (1e-3 from published
    weights, 1e-2 from random ones). `save_every`: epochs between the checkpoints that an interrupted training
    goes on from. `patch`: voxels (k, j, i) in a training example, `spacing`: mm (k, j, i); the defaults are
    those that STU-Net was pretrained with. `workers`: processes that read and deform, 0 for none, None to let
    nnU-Net decide.
    """

    size: str = "B"
    weights: Path | None = None
    kept_epochs: tuple[int, ...] = KEPT_EPOCHS
    iterations: int = 250
    val_iterations: int = 50
    learning_rate: float = 1e-3
    save_every: int = 10
    patch: tuple[int, int, int] = (128, 128, 128)
    batch: int = 2
    spacing: tuple[float, float, float] = (1.5, 1.5, 1.5)
    workers: int | None = None
    device: Literal["cuda", "cpu", "mps"] = "cuda"
    gpus: int = 1

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise InputError(f'There is no STU-Net of size "{self.size}"; choose one of {", ".join(SIZES)}.')
        if self.weights is not None and not self.weights.is_file():
            raise InputError(f'There is no weights file "{self.weights}"; check the path or leave it out.')
        if not self.kept_epochs or min(self.kept_epochs) < 1:
            raise InputError("No epoch is kept; give at least one, counted from 1.")
        if min(*self.patch, self.batch, self.iterations, self.val_iterations, self.save_every, self.gpus) < 1:
            raise InputError("Patch, batch, iterations, save_every and gpus must be 1 or more; correct them.")
        if min(*self.spacing, self.learning_rate) <= 0:
            raise InputError("Spacing and learning rate must be above 0; correct them.")

    @property
    def epochs(self) -> int:
        return max(self.kept_epochs)

    def as_json(self) -> dict[str, Any]:
        """Plain values, read back by `from_json`."""
        weights = None if self.weights is None else str(self.weights.absolute())
        return asdict(self) | {"weights": weights}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> FineTuning:
        values = dict(content)
        for key in ("kept_epochs", "patch", "spacing"):
            values[key] = tuple(content[key])
        values["weights"] = None if content["weights"] is None else Path(content["weights"])
        return cls(**values)
