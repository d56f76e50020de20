"""Predicted Dice with an interval: how a model's table of intervals is applied to slices and organs.

The table, `ModelSpec.intervals`, may also hold "thresholds": the predicted Dice below which a segment is
poor, by label index as text, for structures that the reviewers of a site drew such a line for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from segae.errors import ModelError
from segae.labels.table import LabelTable

SLICE, ORGAN = "slice", "organ"  # sizes in square millimetres, in cubic millimetres
THRESHOLDS = "thresholds"
EVERYTHING = ""  # the group of last resort


def calibrated(scores: np.ndarray, table: Mapping[str, Any], level: str = SLICE) -> np.ndarray:
    """Raw scores (n,) as the Dice (n,) in 0..1 that half of the masks with such scores exceeded; never falls
    when the score rises. Raises `ModelError` when the table has no such level."""
    curves = _level(table, level)
    return np.clip(np.interp(np.asarray(scores, float), curves["knots"], curves["calibrated"]), 0.0, 1.0)


def interval_for(
    scores: np.ndarray,
    sizes: np.ndarray,
    structures: Sequence[int] | np.ndarray,
    table: Mapping[str, Any],
    level: str = SLICE,
) -> np.ndarray:
    """Low and high (n, 2) in 0..1 for raw scores (n,) of masks whose `sizes` (n,) are areas in mm2 (level
    "slice") or volumes in mm3 ("organ") and whose names are rows `structures` (n,) of the label table.

    Of similar masks, the share `table["confidence"]` had its true Dice in there; similar means of the same
    size class and organ family, or the same size class where the table knows too few of the family. The
    calibrated score lies inside. Raises `ModelError` when the table has no such level.
    """
    curves = _level(table, level)
    groups, scores = curves["groups"], np.asarray(scores, float)
    names = np.stack(group_names(sizes, structures, curves["edges"]))
    chosen = names[np.isin(names, list(groups)).argmax(axis=0), np.arange(len(scores))]
    intervals = np.empty((len(scores), 2))
    for group in np.unique(chosen):
        here = chosen == group
        for column, end in enumerate(("low", "high")):
            intervals[here, column] = np.interp(scores[here], curves["knots"], groups[group][end])
    return np.clip(intervals, 0.0, 1.0)


def threshold_of(structure_index: int | None, table: Mapping[str, Any]) -> float | None:
    """The predicted Dice below which a segment of this structure is poor; None where the table draws no line
    of its own."""
    return table.get(THRESHOLDS, {}).get(str(structure_index))


def group_names(
    sizes: np.ndarray, structures: Sequence[int] | np.ndarray, edges: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The groups that each of n masks belongs to, finest first, three text arrays (n,): size class and organ
    family ("1/Spine"), size class ("1"), everything ("")."""
    classes = np.searchsorted(edges, np.asarray(sizes, float), side="right").astype(str)
    families = [organ_families().get(int(index), "") for index in structures]
    both = [f"{size}/{family}" for size, family in zip(classes, families, strict=True)]
    return np.array(both, dtype=str), classes, np.full(len(both), EVERYTHING)


@lru_cache(maxsize=1)
def organ_families() -> Mapping[int, str]:
    """Row of the label table -> body system ("Spine", "Digestive", ...), for the rows that have one."""
    systems = LabelTable.default().body_systems
    return {row.index: system for system, members in systems.items() for row in members}


def _level(table: Mapping[str, Any], level: str) -> Mapping[str, Any]:
    if level not in table:
        raise ModelError(f'The model has no intervals for the level "{level}"; use a model that has them.')
    return table[level]
