"""Where the tables and figures of a training lie, and all folds' tables together."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segae.errors import InputError
from segae.files import whole_file
from segae_trainer.starter.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

FIGURES = "figures.json"
MODEL = ""  # tables of the trained model; those of other methods lie in folders of their name
AGREEMENTS = ("synthetic", "network", "network organs", "fast", "fast organs")
SUITES = (*AGREEMENTS, "names")


def write_tables(tables: Mapping[str, pd.DataFrame], plan: Plan, training: str, method: str = MODEL) -> None:
    """One CSV file per table."""
    for name, table in tables.items():
        with whole_file(_path(plan, training, name, method)) as stream:
            stream.write(table.to_csv(index=False).encode())


def read_tables(plan: Plan, trainings: Sequence[str], method: str = MODEL) -> dict[str, pd.DataFrame]:
    """The tables of some trainings, one below the other, by name; those that nobody wrote are missing."""
    import pandas as pd

    found = {}
    for name in SUITES:
        paths = [_path(plan, training, name, method) for training in trainings]
        parts = [pd.read_csv(path) for path in paths if path.is_file()]
        if parts:
            found[name] = pd.concat(parts, ignore_index=True)
    return found


def _path(plan: Plan, training: str, name: str, method: str) -> Path:
    return plan.folder(training) / "tables" / method.replace(" ", "_") / f"{name.replace(' ', '_')}.csv"


def read_figures(path: Path) -> Mapping[str, Any]:
    """Of a training that was tested. Raises `InputError` when there is no such file."""
    if not path.is_file():
        raise InputError(f'There is no "{path}"; run the stage "{path.parent.name}" first.')
    return json.loads(path.read_text(encoding="utf-8"))


def rounded(value: Any) -> Any:
    """Three decimals, and None for what is not defined."""
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else None
    return value
