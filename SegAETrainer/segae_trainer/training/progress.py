"""How far a training is: all of it that is not weights."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class EpochFigures:
    """A row of `metrics.csv`. `step` is the number of steps done; losses and MAE are means."""

    epoch: int
    step: int
    train_loss: float
    train_mse: float
    train_ranking: float
    val_loss: float
    val_lcc: float
    val_mae: float
    learning_rate: float
    seconds: float


@dataclass
class Progress:
    """`history`: the epochs done. `sums`: total, squared error and ranking of the steps since the last of
    them, added up; `seconds` the time they took."""

    step: int = 0
    history: list[EpochFigures] = field(default_factory=list)
    sums: tuple[float, float, float] = (0.0, 0.0, 0.0)
    seconds: float = 0.0

    @property
    def best(self) -> EpochFigures | None:
        """The first epoch with the highest LCC; one whose LCC is not defined only while there is no other."""
        return max(self.history, key=lambda row: _or_lowest(row.val_lcc), default=None)

    @property
    def epochs_since_best(self) -> int:
        return len(self.history) - 1 - self.best.epoch if self.best else 0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as a checkpoint keeps them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Progress:
        """Inverse of `as_dict`."""
        history = [EpochFigures(**row) for row in values["history"]]
        return cls(**values | {"history": history, "sums": tuple(values["sums"])})


COLUMNS = tuple(column.name for column in fields(EpochFigures))


def _or_lowest(lcc: float) -> float:
    return lcc if math.isfinite(lcc) else -math.inf
