"""The masks that a method judges worst."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from segae_trainer.evaluation.evaluation import Evaluation

EACH = 6
Picture = Callable[[int], str | None]


@dataclass(frozen=True)
class Miss:
    """A mask with its true and predicted Dice; `row`: its place in the suite."""

    row: int
    structure: str
    case: str
    slice: int
    source: str
    dice: float
    predicted: float
    picture: str | None


def worst_misses(
    evaluation: Evaluation, picture: Picture, *, flattered: bool, each: int = EACH
) -> tuple[Miss, ...]:
    """The `each` masks whose prediction is furthest above the truth (`flattered`) or below it, at most one
    per organ and case: neighbouring slices look alike."""
    table = evaluation.tables["slice"]
    miss = (table["predicted"] - table["dice"]) * (1 if flattered else -1)
    missed = table.assign(miss=miss, row=range(len(table))).take(np.flatnonzero(miss > 0))
    worst = missed.sort_values(by="miss", ascending=False, kind="stable")
    worst = worst.drop_duplicates(["case", "structure_index"]).head(each)
    return tuple(_miss(dict(zip(worst.columns, values, strict=True)), picture) for values in worst.to_numpy())


def _miss(values: dict[str, Any], picture: Picture) -> Miss:
    row = int(values["row"])
    return Miss(
        row, values["structure"], values["case"], int(values["slice"]), values["source"],
        float(values["dice"]), float(values["predicted"]), picture(row),
    )  # fmt: skip
