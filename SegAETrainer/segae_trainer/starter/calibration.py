"""The folds' scores as the product would show them: calibrated, with an interval, by a table that knows the
other patients only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from segae.scoring.calibration import ORGAN, SLICE, calibrated, interval_for
from segae_trainer.starter.conformal import LEAST_POINTS, Points, fit_intervals

if TYPE_CHECKING:
    import pandas as pd

CALIBRATED_ON = ("network", "fast", "synthetic")
SHOWN, LOW, HIGH = "shown", "interval_low", "interval_high"


def points_of(tables: Mapping[str, pd.DataFrame]) -> dict[str, Points]:
    """The masks that intervals are fitted on, slices and organs, with raw scores; a level with fewer than
    `LEAST_POINTS` is left out."""
    levels = {level: _points(tables, level) for level in (SLICE, ORGAN)}
    return {level: points for level, points in levels.items() if points is not None and _enough(points)}


def with_unseen_calibration(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables with three more columns: `shown`, the calibrated score, and `interval_low`..`interval_high`,
    all from a table fitted without the patient of the row; NaN where the others' masks are too few."""
    result = {
        name: table.assign(**dict.fromkeys((SHOWN, LOW, HIGH), np.nan)) for name, table in tables.items()
    }
    levels = points_of(tables)
    for patient in {str(name) for points in levels.values() for name in points.patients}:
        others = {level: points.where(points.patients != patient) for level, points in levels.items()}
        enough = {level: points for level, points in others.items() if _enough(points)}
        fitted = fit_intervals(enough) if enough else {}
        for level in enough:
            for name in names_of(level):
                if name in result:
                    _fill(result[name], patient, fitted, level)
    return result


def names_of(level: str) -> tuple[str, ...]:
    """The tables whose rows are slices, or organs."""
    return tuple(f"{name} organs" if level == ORGAN else name for name in CALIBRATED_ON)


def _points(tables: Mapping[str, pd.DataFrame], level: str) -> Points | None:
    import pandas as pd

    found = [tables[name] for name in names_of(level) if name in tables]
    if not found:
        return None
    table = pd.concat(found, ignore_index=True)
    return Points(
        table["predicted"].to_numpy(float),
        table["dice"].to_numpy(float),
        table[_size(level)].to_numpy(float),
        table["structure_index"].to_numpy(int),
        table["patient"].to_numpy(str),
    )


def _fill(table: pd.DataFrame, patient: str, fitted: Mapping[str, object], level: str) -> None:
    own = (table["patient"].astype(str) == patient).to_numpy()
    raw, rows = table.loc[own, "predicted"].to_numpy(float), table.loc[own, "structure_index"].to_numpy(int)
    sizes = table.loc[own, _size(level)].to_numpy(float)
    table.loc[own, SHOWN] = calibrated(raw, fitted, level)
    table.loc[own, [LOW, HIGH]] = interval_for(raw, sizes, rows, fitted, level)


def _size(level: str) -> str:
    return "area_mm2" if level == SLICE else "volume_mm3"


def _enough(points: Points) -> bool:
    return len(points) >= LEAST_POINTS
