"""Figures that a model should reach on unseen patients, and what was measured.

All are of patients that a fold's model has not seen, and of names that it was trained on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from segae.scoring.calibration import ORGAN, SLICE
from segae.scoring.conformal import coverage
from segae_trainer.evaluate.calibration import level_of, organ_name
from segae_trainer.evaluate.metrics import POOR, auroc, lcc, mae
from segae_trainer.evaluate.predictions import INTERVAL, RAW

if TYPE_CHECKING:
    import pandas as pd

SHOWN = "predicted"
GOOD = 0.95
HALF_WRONG = (0.3, 0.9)  # Dice of the masks whose error maps are measured
NAMES = "synthetic wrong names"
SECOND = "second network"  # another segmentation of the same scan by a large network
_NONE = (math.nan, math.nan)


@dataclass(frozen=True)
class SingleMask:
    """The mean raw score of a mask of a scan that nothing was trained on; `right`: it is the organ's."""

    scan: str
    structure: str
    right: bool
    score: float


@dataclass(frozen=True, eq=False)
class Evidence:
    """What figures are made from. `tables`: those of the folds by suite, raw and calibrated on the other
    patients; `masks`: single masks that the finished model scored; `milliseconds`: its time for a slice."""

    tables: Mapping[str, pd.DataFrame]
    masks: tuple[SingleMask, ...] = ()
    milliseconds: float = math.nan

    def of_case(self, case: str) -> Evidence:
        """What there is of one scan."""
        return Evidence({name: where(table, table["case"] == case) for name, table in self.tables.items()})

    @property
    def cases(self) -> tuple[str, ...]:
        """The scans, in the order of the tables."""
        return tuple(dict.fromkeys(str(case) for table in self.tables.values() for case in table["case"]))


Measure = Callable[[Evidence, str], tuple[float, ...]]


def where(table: pd.DataFrame, chosen: pd.Series | np.ndarray) -> pd.DataFrame:
    """The rows for which `chosen` holds."""
    return table.take(np.flatnonzero(chosen))


@dataclass(frozen=True)
class Goal:
    """`requested` and `aim`: as text, and as lowest and highest value that reach them, for each of the
    figure's values. `measure`: evidence and the column of the score -> values, NaN for what was not
    measured."""

    name: str
    requested: str
    aim: str
    requested_range: tuple[tuple[float, float], ...]
    aim_range: tuple[tuple[float, float], ...]
    measure: Measure

    def reached(self, values: Sequence[float]) -> str:
        """ "aim", "requested", "not reached", or "not measured"."""
        if not np.isfinite(values).all():
            return "not measured"
        if _inside(values, self.aim_range):
            return "aim"
        return "requested" if _inside(values, self.requested_range) else "not reached"


@dataclass(frozen=True)
class Measured:
    """A goal with its values: of all patients together, with the raw score and as the product shows it
    (calibrated on the others), and of each case with the raw score."""

    goal: Goal
    pooled: tuple[float, ...]
    shown: tuple[float, ...]
    cases: Mapping[str, tuple[float, ...]]


def measured(evidence: Evidence) -> tuple[Measured, ...]:
    """All goals."""
    return tuple(
        Measured(
            goal,
            goal.measure(evidence, RAW),
            goal.measure(evidence, SHOWN),
            {case: goal.measure(evidence.of_case(case), RAW) for case in evidence.cases},
        )
        for goal in GOALS
    )


def _agreement(suite: str) -> Measure:
    def measure(evidence: Evidence, column: str) -> tuple[float, ...]:
        predicted, truth = _values(evidence, suite, column)
        return (lcc(predicted, truth), mae(predicted, truth)) if len(truth) else _NONE

    return measure


def _poor(evidence: Evidence, column: str) -> tuple[float, ...]:
    return (auroc(*_values(evidence, "network", column), POOR),)


def _best(evidence: Evidence, column: str) -> tuple[float, ...]:
    predicted, truth = _values(evidence, "synthetic", column)
    return (_mean(predicted[truth > GOOD]),)


def _names(evidence: Evidence, column: str) -> tuple[float, ...]:
    if column != RAW or NAMES not in evidence.tables:
        return (math.nan,)
    return (name_auroc(evidence.tables[NAMES]),)


def name_auroc(names: pd.DataFrame) -> float:
    """How well raw scores separate good masks under their own name from those under a wrong one."""
    wrong = (names["kind"] == "wrong name").to_numpy(bool)
    score, truth = names[RAW].to_numpy(float), names["dice"].to_numpy(float)
    there = np.isfinite(score) & (wrong | (truth > 0.85))
    return auroc(score[there], (~wrong[there]).astype(float), 0.5)


def _intervals(evidence: Evidence, column: str) -> tuple[float, ...]:
    return _NONE if column != RAW else (_holds(evidence, SLICE), _holds(evidence, ORGAN))


def _holds(evidence: Evidence, level: str) -> float:
    names = [name for name in evidence.tables if level_of(name) == level and name != NAMES]
    found = [evidence.tables[name] for name in names if INTERVAL[0] in evidence.tables[name]]
    low, high, truth = (
        np.concatenate([table[name].to_numpy(float) for table in found] or [np.empty(0)])
        for name in (*INTERVAL, "dice")
    )
    there = np.isfinite(low)
    return coverage(low[there], high[there], truth[there])


def _errors(evidence: Evidence, column: str) -> tuple[float, ...]:
    suite = evidence.tables.get("synthetic")
    if column != RAW or suite is None or "error_dice" not in suite:
        return (math.nan,)
    return (_mean(suite.loc[suite["dice"].between(*HALF_WRONG), "error_dice"].to_numpy(float)),)


def _values(evidence: Evidence, suite: str, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true Dice where there is a score."""
    table = evidence.tables.get(suite)
    if table is None or column not in table:
        return np.empty(0), np.empty(0)
    predicted, truth = table[column].to_numpy(float), table["dice"].to_numpy(float)
    there = np.isfinite(predicted)
    return predicted[there], truth[there]


def _other_masks(evidence: Evidence, column: str) -> tuple[float, ...]:
    if column != RAW:
        return _NONE
    found = [[one.score for one in evidence.masks if one.right == right] for right in (True, False)]
    return tuple(_mean(np.array(values, float)) for values in found)


def _speed(evidence: Evidence, column: str) -> tuple[float, ...]:
    return (evidence.milliseconds if column == RAW else math.nan,)


def _mean(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else math.nan


def _inside(values: Sequence[float], ranges: Sequence[tuple[float, float]]) -> bool:
    return all(low <= value <= high for value, (low, high) in zip(values, ranges, strict=True))


def _both(least: float, most: float) -> tuple[tuple[float, float], ...]:
    """An LCC of at least `least` and an MAE of at most `most`."""
    return (least, math.inf), (0.0, most)


def _least(value: float) -> tuple[tuple[float, float], ...]:
    return ((value, math.inf),)


GOALS = (
    Goal("LCC / MAE on network masks, per slice", ".65 / .11", ".75 / .08",
         _both(0.65, 0.11), _both(0.75, 0.08), _agreement("network")),
    Goal("LCC / MAE on network masks, per organ volume", ".78 / .08", ".85 / .06",
         _both(0.78, 0.08), _both(0.85, 0.06), _agreement(organ_name("network"))),
    Goal("LCC / MAE on the synthetic suite", ".74 / .155", ".82 / .12",
         _both(0.74, 0.155), _both(0.82, 0.12), _agreement("synthetic")),
    Goal("AUROC for Dice < .7 (network masks)", ".87", ".93", _least(0.87), _least(0.93), _poor),
    Goal("masks above .95: mean score (synthetic)", "> .82", "> .90", _least(0.82), _least(0.90), _best),
    Goal("right against wrong name, AUROC", ".94", ".98", _least(0.94), _least(0.98), _names),
    Goal("90 % interval holds (slices / organs)", "85-95 %", "88-92 %",
         ((0.85, 0.95),) * 2, ((0.88, 0.92),) * 2, _intervals),
    Goal("error map: overlap (Dice), masks with Dice .3-.9", ".45", ".60",
         _least(0.45), _least(0.60), _errors),
    Goal("a true mask / a genuine wrong one, other scan", "> .80 / < .25", "> .90 / < .15",
         ((0.80, 1.0), (0.0, 0.25)), ((0.90, 1.0), (0.0, 0.15)), _other_masks),
    Goal("milliseconds a slice on 2 cores, batch 32", "12", "6", ((0.0, 12.0),), ((0.0, 6.0),), _speed),
)  # fmt: skip
