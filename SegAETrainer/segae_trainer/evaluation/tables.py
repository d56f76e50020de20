"""What an evaluation leaves on the disk beside the page: CSV files that hold every number of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segae.whole_file import whole_file
from segae_trainer.evaluation.evaluation import Evaluation, difference, interval_figures
from segae_trainer.evaluation.groups import GROUPINGS
from segae_trainer.evaluation.metrics.agreement import Limits, limits_of_agreement
from segae_trainer.evaluation.metrics.calibration import CalibrationBin, calibration_bins

if TYPE_CHECKING:
    import pandas as pd


def write_tables(evaluations: Sequence[Evaluation], folder: Path) -> tuple[Path, ...]:
    """predictions.csv, organs.csv, metrics.csv, per_structure.csv and the other groups, calibration.csv,
    agreement.csv, differences.csv and, where a method has intervals, intervals.csv; the first columns say the
    suite and the method. Raises `OutputError` when a file cannot be written."""
    written = []
    for name, table in _tables(evaluations).items():
        if not table.empty:
            path = folder / f"{name}.csv"
            with whole_file(path) as stream:
                stream.write(table.to_csv(index=False, lineterminator="\n").encode())
            written.append(path)
    return tuple(written)


def _tables(evaluations: Sequence[Evaluation]) -> dict[str, pd.DataFrame]:
    groups = _joined((e, e.groups) for e in evaluations)
    return {
        "predictions": _joined((e, e.tables["slice"]) for e in evaluations),
        "organs": _joined((e, e.tables["organ"]) for e in evaluations if "organ" in e.levels),
        "metrics": _joined((e, e.metrics) for e in evaluations),
        **{
            f"per_{name}": groups.take(np.flatnonzero(groups["group"] == name)).drop(columns="group")
            for name in GROUPINGS
        },
        "calibration": _joined((e, calibration_table(e)) for e in evaluations),
        "agreement": _joined((e, agreement_table(e)) for e in evaluations),
        "differences": _joined(_differences(evaluations)),
        "intervals": _joined((e, interval_figures(e)) for e in evaluations),
    }  # fmt: skip


def calibration_table(evaluation: Evaluation) -> pd.DataFrame:
    """One row per level and decile: level, and the fields of `CalibrationBin`."""
    import pandas as pd

    rows = [
        (level, *astuple(found))
        for level in evaluation.levels
        for found in calibration_bins(*evaluation.arrays(level))
    ]
    return pd.DataFrame(rows, columns=["level", *(field.name for field in fields(CalibrationBin))])


def agreement_table(evaluation: Evaluation) -> pd.DataFrame:
    """One row per level: level, and the fields of `Limits`."""
    import pandas as pd

    rows = [(level, *astuple(limits_of_agreement(*evaluation.arrays(level)))) for level in evaluation.levels]
    return pd.DataFrame(rows, columns=["level", *(field.name for field in fields(Limits))])


def _differences(evaluations: Sequence[Evaluation]):
    """The first method of each suite against each of the others."""
    for suite in dict.fromkeys(evaluation.suite for evaluation in evaluations):
        first, *others = (e for e in evaluations if e.suite == suite)
        for other in others:
            table = difference(first, other)
            table.insert(0, "minus", other.method)
            yield first, table


def _joined(parts) -> pd.DataFrame:
    """Tables one below the other, behind the suite and the method they belong to."""
    import pandas as pd

    found = []
    for evaluation, table in parts:
        if not table.empty:
            table = table.copy()
            table.insert(0, "suite", evaluation.suite)
            table.insert(1, "method", evaluation.method)
            found.append(table)
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()
