"""The curves of a training, as its file holds them."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from segae.errors import InputError

NUMBERS = ("train_loss", "val_loss", "val_lcc", "seconds")


@dataclass(frozen=True)
class EpochRow:
    """One epoch; NaN where nothing was measured. `val_lcc`: Pearson's correlation of predicted and true Dice
    on the validation scans."""

    epoch: int
    train_loss: float
    val_loss: float
    val_lcc: float
    seconds: float


def read_metrics(path: Path) -> tuple[EpochRow, ...]:
    """The epochs of `RUN/metrics.csv`, none while there is no file. A last line that is being written is left
    for the next time. Raises `InputError` for a file of another kind."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'"{path}" cannot be read ({error}); check the run folder.') from error
    whole = text[: text.rfind("\n") + 1]
    try:
        return tuple(_row(cells) for cells in csv.DictReader(whole.splitlines()))
    except (KeyError, TypeError, ValueError):
        raise InputError(f'"{path}" holds no epochs of a training; choose another run folder.') from None


def _row(cells: dict[str, str]) -> EpochRow:
    return EpochRow(int(float(cells["epoch"])), *(_number(cells[name]) for name in NUMBERS))


def _number(text: str) -> float:
    return float(text) if text.strip() else math.nan
