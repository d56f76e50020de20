"""The table that everything is computed from: one row per mask in one slice, with true and predicted Dice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segae.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "case", "patient", "segment", "structure_index", "structure", "slice", "source", "kind",
    "area_mm2", "truth_mm2", "dice", "predicted",
)  # fmt: skip
INTERVAL = ("interval_low", "interval_high")
ORGAN = ("case", "patient", "segment", "structure_index", "structure", "source")
_TEXT = ("case", "patient", "segment", "structure", "source", "kind")
_NUMBERS = ("area_mm2", "truth_mm2", "dice")


def checked(table: pd.DataFrame, name: str = "predictions") -> pd.DataFrame:
    """The table with its columns in order and of the right types; further columns are dropped.

    `case`, `patient`, `segment` (the name in the file), `structure` (the name it goes by), `source` (who made
    the mask) and `kind` are text; `structure_index` is a row of the label table and `slice` an index;
    `area_mm2` and `truth_mm2` are the areas of mask and truth in the slice; `dice` is the true Dice, 0..1;
    `predicted` is raw, NaN where the method gave none, as for an empty mask. `interval_low` and
    `interval_high` may be there. Raises `InputError` when a column is missing or holds something else.
    """
    import pandas as pd

    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise InputError(f"The table {name} lacks the columns {', '.join(missing)}; add them.")
    if table.empty:
        raise InputError(f"The table {name} has no rows; there is nothing to evaluate.")
    kept = [*COLUMNS, *(column for column in INTERVAL if column in table)]
    result = table[kept].reset_index(drop=True).copy()
    try:
        for column in kept:
            if column in _TEXT:
                result[column] = result[column].fillna("").astype(str)
            else:
                result[column] = pd.to_numeric(result[column])
        result = result.astype({"structure_index": int, "slice": int})
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The table {name} holds something that is no number ({error}); correct it."
        ) from error
    if not np.isfinite(result[[*_NUMBERS]].to_numpy(float)).all() or not result["dice"].between(0, 1).all():
        raise InputError(
            f"The table {name} has areas that are no numbers or Dice outside of 0..1; give each row's "
            "true Dice."
        )
    return result


def read_predictions(path: str | Path) -> pd.DataFrame:
    """`checked` of a CSV file; raises `InputError` when it cannot be read or is no such table."""
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(_TEXT, str))
    except OSError:
        raise InputError(f'There is no table "{path}" that can be read; check the path.') from None
    except ValueError as error:
        raise InputError(f'"{path}" is no table of predictions ({error}); give a CSV file.') from error
    return checked(table, f'"{path}"')


def organs(predictions: pd.DataFrame) -> pd.DataFrame:
    """One row per organ of a case and source, with the columns of `predictions` (`slice` is their number).

    `dice` is the volume's: overlaps and areas are summed over all slices, those that the mask misses
    included. `predicted` is the mean over the slices that have a prediction, as `segae score` shows it.
    Areas are sums over the slices; `largest_mm2` is that of mask or truth in the largest slice.
    """
    table = predictions.assign(
        total=predictions["area_mm2"] + predictions["truth_mm2"],
        overlap=predictions["dice"] * (predictions["area_mm2"] + predictions["truth_mm2"]),
        largest_mm2=predictions[["area_mm2", "truth_mm2"]].max(axis=1),
    )
    result = (
        table.groupby(list(ORGAN), sort=True, dropna=False)
        .agg(
            slice=("slice", "nunique"),
            kind=("kind", _commonest),
            area_mm2=("area_mm2", "sum"),
            truth_mm2=("truth_mm2", "sum"),
            largest_mm2=("largest_mm2", "max"),
            total=("total", "sum"),
            overlap=("overlap", "sum"),
            predicted=("predicted", "mean"),
        )
        .reset_index()
    )
    total = result["total"].to_numpy(float)
    result["dice"] = np.where(total > 0, result["overlap"] / np.where(total > 0, total, 1), 1.0)
    return result.reindex(columns=[*COLUMNS, "largest_mm2"])


def _commonest(kinds: pd.Series) -> str:
    return str(kinds.mode().iloc[0])
