"""How far a training is, and its figures epoch by epoch."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, field, fields
from pathlib import Path
from typing import Any

from segae.errors import InputError
from segae.files import reason, whole_file


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


def write_metrics(history: Sequence[EpochFigures], path: Path) -> None:
    """One row per epoch; the file is replaced as a whole. Raises `OutputError`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in history:
        writer.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in astuple(row)])
    with whole_file(path) as stream:
        stream.write(text.getvalue().encode())


def read_epoch_count(path: Path) -> int:
    """Rows of a file that `write_metrics` wrote, 0 when there is none."""
    return len(path.read_text(encoding="utf-8").splitlines()) - 1 if path.is_file() else 0


def read_metrics(path: Path) -> tuple[EpochFigures, ...]:
    """The epochs of a file that `write_metrics` wrote, none while there is no file; NaN where nothing was
    measured. A last line that is being written is left out. Raises `InputError` for a file of another
    kind."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'"{path}" cannot be read ({reason(error)}); check the run folder.') from error
    whole = text[: text.rfind("\n") + 1]
    try:
        return tuple(map(_figures, csv.DictReader(whole.splitlines())))
    except (KeyError, TypeError, ValueError):
        raise InputError(f'"{path}" holds no epochs of a training; choose another run folder.') from None


def _figures(cells: dict[str, str]) -> EpochFigures:
    numbers = {name: float(cells[name].strip() or "nan") for name in COLUMNS if name not in ("epoch", "step")}
    return EpochFigures(int(float(cells["epoch"])), int(float(cells["step"])), **numbers)


def draw_curves(history: Sequence[EpochFigures], best: EpochFigures | None, path: Path) -> None:
    """Losses, LCC with its best epoch, MAE and learning rate over epochs, as PNG. Raises `OutputError`."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = [row.epoch for row in history]
    figure = Figure(figsize=(9, 6), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True)
    curves = (
        ("Loss", {"training": "train_loss", "validation": "val_loss"}),
        ("Linear correlation (LCC)", {"": "val_lcc"}),
        ("Mean absolute error (validation)", {"": "val_mae"}),
        ("Learning rate", {"": "learning_rate"}),
    )
    for axes, (title, lines) in zip(panels.flat, curves, strict=True):
        for label, column in lines.items():
            axes.plot(epochs, [getattr(row, column) for row in history], marker=".", label=label or None)
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(lines) > 1:
            axes.legend(frameon=False)
    for axes in panels[1]:
        axes.set_xlabel("Epoch")
    if best is not None:
        axes = panels[0, 1]
        axes.axvline(best.epoch, color="0.6", linestyle="--", linewidth=1)
        axes.set_title(f"LCC on validation, best {best.val_lcc:.3f} in epoch {best.epoch}", fontsize=10)
    with whole_file(path) as stream:
        figure.savefig(stream, format="png", dpi=110)
