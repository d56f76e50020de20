"""The table that everything is computed from: one row per mask in one slice, with true and predicted Dice."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segae.errors import InputError
from segae.labels import by_index
from segae.progress import Watch
from segae_trainer.evaluate.methods import Estimates, MaskSlice, Method

if TYPE_CHECKING:
    import pandas as pd

GROUPINGS = ("structure", "size", "case", "source", "kind")
# cm2 of the larger of mask and truth in the slice; of an organ: in its largest slice.
SIZE_BOUNDS = (1.0, 5.0, 20.0)
SIZES = ("below 1 cm²", "1 to 5 cm²", "5 to 20 cm²", "20 cm² and more")


def with_size(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `size`: the class of each row, one of `SIZES`."""
    largest = table["largest_mm2"] if "largest_mm2" in table else table[["area_mm2", "truth_mm2"]].max(axis=1)
    return table.assign(size=[size_class(area) for area in largest.to_numpy(float)])


def size_class(area_mm2: float) -> str:
    """One of `SIZES`; a class begins at its bound."""
    return SIZES[bisect_right(SIZE_BOUNDS, area_mm2 / 100)]


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


CHUNK = 64  # masks in memory at a time


def predict_masks(
    methods: Sequence[Method], masks: Sequence[MaskSlice], *, watch: Watch | None = None
) -> Mapping[str, pd.DataFrame]:
    """The predictions of each method by its name, one row per mask in the order of `masks`; each mask is made
    once. Columns: `predictions.checked`."""
    import pandas as pd

    watch = watch or Watch()
    facts: list[dict[str, Any]] = []
    found: dict[str, list[Estimates]] = {method.name: [] for method in methods}
    for start in range(0, len(masks), CHUNK):
        watch.step("predicting", start, len(masks))
        chunk = list(masks[start : start + CHUNK])
        facts += [_facts(mask) for mask in chunk]
        for method in methods:
            found[method.name].append(method.predict(chunk))
    watch.step("predicting", len(masks), len(masks))
    known = pd.DataFrame(facts, columns=list(COLUMNS[:-1]))
    return {name: _with_predictions(known, estimates) for name, estimates in found.items()}


def _with_predictions(known: pd.DataFrame, estimates: list[Estimates]) -> pd.DataFrame:
    table = known.assign(predicted=np.concatenate([part.predicted for part in estimates]))
    if any(part.interval is not None for part in estimates):
        bounds = [
            np.full((len(part.predicted), 2), np.nan) if part.interval is None else part.interval
            for part in estimates
        ]
        table[list(INTERVAL)] = np.concatenate(bounds)
    return table


def _facts(mask: MaskSlice) -> dict[str, Any]:
    name = by_index(mask.structure).name
    return {
        "case": mask.case,
        "patient": mask.patient,
        "segment": name,
        "structure_index": mask.structure,
        "structure": name,
        "slice": mask.slice,
        "source": mask.source,
        "kind": mask.kind,
        "area_mm2": mask.square_mm(mask.mask),
        "truth_mm2": mask.square_mm(mask.truth),
        "dice": mask.dice,
    }
