"""Calibrated scores and conformal intervals, fitted on masks of patients that the model was not trained on.

The score shown is the median Dice of masks with such a raw score: a monotone curve. For the interval another
one says their mean, then each side of the interval is a Mondrian conformal prediction
(Vovk, Gammerman, Shafer: Algorithmic Learning in a Random World, 2005) of the residual, divided by how large
residuals of that side usually are at that score. Mondrian groups are size class and organ family, size class,
and everything. Each side holds with half of the error allowed, so that both together hold for a mask that is
exchangeable with those of its group. Masks of a new patient are not: patients differ. So the level asked of
the conformal prediction is the lowest at which intervals fitted on the other patients hold with `confidence`
for a patient left out, on average over patients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from segae.scoring.calibration import (
    EVERYTHING,
    ORGAN,
    SLICE,
    calibrated,
    group_names,
    interval_for,
    organ_families,
)

CONFIDENCE = 0.9
STRICTER = tuple(np.arange(0.905, 0.9901, 0.005).round(3).tolist())  # tried when `CONFIDENCE` does not hold
LEAST_POINTS = 40  # of a group that gets an interval of its own
EDGES: Mapping[str, tuple[float, ...]] = {
    SLICE: (150.0, 600.0, 2500.0),  # mm2
    ORGAN: (5_000.0, 30_000.0, 150_000.0),  # mm3
}
KNOTS = np.array([0.0, 0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9, 0.95, 1.0])
_PRIOR = 10.0  # points' worth of "no correction" at each knot
_LEAST_SPREAD = 0.01
_MOST = 1 / _LEAST_SPREAD  # a quantile that covers all of 0..1, for groups too small for `confidence`


@dataclass(frozen=True, eq=False)
class Points:
    """n scored masks with known truth: `predicted` (raw) and `true` Dice, `sizes` (mm2 of a slice, mm3 of an
    organ), `structures` (label indices), `patients` (any name or number); all (n,)."""

    predicted: np.ndarray
    true: np.ndarray
    sizes: np.ndarray
    structures: np.ndarray
    patients: np.ndarray

    def __len__(self) -> int:
        return len(self.predicted)

    def where(self, chosen: np.ndarray) -> Points:
        """Some of the points."""
        return Points(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True, eq=False)
class _Curves:
    """Values at `KNOTS`: calibrated score (`shown`), mean Dice (`centre`), and usual residual below and above
    the mean."""

    shown: np.ndarray
    centre: np.ndarray
    below: np.ndarray
    above: np.ndarray

    def at(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        centre, below, above = (np.interp(scores, KNOTS, v) for v in (self.centre, self.below, self.above))
        return centre, below, above


@dataclass(frozen=True, eq=False)
class _Residuals:
    """What quantiles are taken of: `residual` (n,) of each point, and how large it usually is `below` and
    `above` (n,); and the curves of all points together."""

    points: Points
    edges: tuple[float, ...]
    curves: _Curves
    residual: np.ndarray
    below: np.ndarray
    above: np.ndarray


def left_over(patients: np.ndarray) -> int:
    """How many of n points, whose `patients` (n,) are given, are left without the one that has most of
    them."""
    _, counts = np.unique(patients, return_counts=True)
    return len(patients) - int(counts.max(initial=0))


def fit_intervals(levels: Mapping[str, Points], confidence: float = CONFIDENCE) -> dict[str, Any]:
    """The table for `ModelSpec.intervals` from points of each level, `{"slice": ..., "organ": ...}`.

    Curves are fitted with every patient left out once, so that residuals are those of an unseen patient (with
    fewer than three patients: on all). `asked` of a level is the conformal level that was needed. Raises
    ValueError for a level with fewer than `LEAST_POINTS` points, and for points that are not finite.
    """
    for points in levels.values():
        _check(points)
    fitted = {
        level: _table(_residuals(points, EDGES[level]), _level_that_holds(points, EDGES[level], confidence))
        for level, points in levels.items()
    }
    return {"confidence": confidence, **fitted}


def _check(points: Points) -> None:
    if len(points) < LEAST_POINTS:
        raise ValueError(f"{len(points)} points are too few for an interval; {LEAST_POINTS} are needed")
    if not all(np.isfinite(values).all() for values in (points.predicted, points.true, points.sizes)):
        raise ValueError("scores, Dice and sizes must be finite")


def _level_that_holds(points: Points, edges: tuple[float, ...], confidence: float) -> float:
    """The lowest level, `confidence` or a stricter one, at which a patient left out is covered with
    `confidence`, as a mean over the patients whose others have enough points; the strictest when none is."""
    splits = [
        (_residuals(points.where(~own), edges), points.where(own))
        for own in (points.patients == patient for patient in np.unique(points.patients))
        if np.count_nonzero(~own) >= LEAST_POINTS
    ]
    levels = (confidence, *(level for level in STRICTER if level > confidence))
    if not splits:
        return confidence
    for level in levels:
        held = [_coverage(own, {SLICE: _table(others, level)}) for others, own in splits]
        if np.mean(held) >= confidence:
            return level
    return levels[-1]


def _coverage(points: Points, table: Mapping[str, Any]) -> float:
    """Share of the points inside their interval."""
    low, high = interval_for(points.predicted, points.sizes, points.structures, table).T
    return coverage(low, high, points.true)


def _residuals(points: Points, edges: tuple[float, ...]) -> _Residuals:
    centre, below, above = _unseen_curves(points)
    return _Residuals(points, edges, _fit_curves(points), points.true - centre, below, above)


def _table(known: _Residuals, level: float) -> dict[str, Any]:
    """One level's table, whose groups hold for a share `level` of masks like `known`."""
    points, groups = known.points, {}
    for names in reversed(group_names(points.sizes, points.structures, known.edges)):
        low = _quantiles(known.residual, known.below, names, (1 - level) / 2)
        high = _quantiles(known.residual, known.above, names, (1 + level) / 2)
        for group in low:
            groups[group] = _group_curves(known.curves, low[group], high[group])
    return {
        "asked": level,
        "edges": list(known.edges),
        "knots": KNOTS.tolist(),
        "calibrated": _rounded(known.curves.shown),
        "groups": groups,
        "n": len(points),
        "patients": len(np.unique(points.patients)),
    }


def composed(table: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """A level's table for raw scores, of one that was fitted on the scores which the level's table `before`
    makes of them (None: on the raw scores): at the knots of both, between which both are straight."""
    if before is None:
        return dict(table)
    shown_at, raw_at = (np.asarray(before[name], float) for name in ("calibrated", "knots"))
    raw = np.unique(np.concatenate([raw_at, np.interp(table["knots"], shown_at, raw_at)]).round(6))
    shown = np.interp(raw, raw_at, shown_at)

    def of_raw(values: list[float]) -> list[float]:
        return np.interp(shown, table["knots"], values).round(6).tolist()

    groups = {
        name: {end: of_raw(values) for end, values in curves.items()}
        for name, curves in table["groups"].items()
    }
    changed = {"knots": raw.tolist(), "calibrated": of_raw(table["calibrated"]), "groups": groups}
    return {**table, **changed}


def coverage(low: np.ndarray, high: np.ndarray, truth: np.ndarray) -> float:
    """Share of true values inside low..high, ends included; NaN without rows."""
    return float(((low <= truth) & (truth <= high)).mean()) if len(truth) else float("nan")


def mean_width(low: np.ndarray, high: np.ndarray) -> float:
    """Mean of high minus low; NaN without rows."""
    return float((high - low).mean()) if len(low) else float("nan")


def measure(points: Points, table: Mapping[str, Any], level: str = SLICE) -> dict[str, dict[str, float]]:
    """Share of the points inside their interval (`coverage`), mean `width` and number `n`: of all points
    ("all") and of each organ family. Points must not be those that the table was fitted on."""
    low, high = interval_for(points.predicted, points.sizes, points.structures, table, level).T
    families = np.array([organ_families().get(int(index), "other") for index in points.structures])
    chosen = {"all": np.ones(len(points), bool)} | {name: families == name for name in np.unique(families)}
    return {
        str(name): {
            "coverage": coverage(low[here], high[here], points.true[here]),
            "width": mean_width(low[here], high[here]),
            "n": int(here.sum()),
        }
        for name, here in chosen.items()
    }


def measure_unseen(
    points: Points, level: str = SLICE, confidence: float = CONFIDENCE
) -> dict[str, dict[str, float]]:
    """`measure` by patient, each with a table fitted on all others, and "mean" over the patients; with the
    mean absolute error of the raw (`mae_raw`) and the calibrated score (`mae`)."""
    results = {}
    for patient in np.unique(points.patients):
        own = points.patients == patient
        table, held_out = fit_intervals({level: points.where(~own)}, confidence), points.where(own)
        centre = calibrated(held_out.predicted, table, level)
        results[str(patient)] = {
            **measure(held_out, table, level)["all"],
            "mae_raw": float(np.abs(np.clip(held_out.predicted, 0, 1) - held_out.true).mean()),
            "mae": float(np.abs(centre - held_out.true).mean()),
        }
    names = next(iter(results.values()))
    mean = {name: float(np.mean([row[name] for row in results.values()])) for name in names}
    return results | {"mean": mean}


def _unseen_curves(points: Points) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean Dice and usual residuals (n,) at each point, from the curves of the other patients."""
    patients = np.unique(points.patients)
    if len(patients) < 3:
        return _fit_curves(points).at(points.predicted)
    values = np.empty((3, len(points)))
    for patient in patients:
        own = points.patients == patient
        values[:, own] = _fit_curves(points.where(~own)).at(points.predicted[own])
    return values[0], values[1], values[2]


def _fit_curves(points: Points) -> _Curves:
    """Local medians and means at the knots, drawn to "no correction" and to the overall spread where points
    are few. Errors of a score are smallest round the median; where a wrong mask and a good one can look
    alike, the mean is neither."""
    from sklearn.isotonic import isotonic_regression

    scores, at_knot = np.clip(points.predicted, 0, 1), _hats(points.predicted)
    weight, error = at_knot.sum(axis=0) + _PRIOR, points.true - scores
    shown, centre = (
        isotonic_regression(KNOTS + bias, sample_weight=weight, y_min=0, y_max=1)
        for bias in (_local_median(error, at_knot), _local_mean(error, at_knot, 0.0))
    )
    residual = points.true - np.interp(scores, KNOTS, centre)
    below, above = (
        np.maximum(_local_mean(part, at_knot, float(part.mean())), _LEAST_SPREAD)
        for part in (np.maximum(-residual, 0), np.maximum(residual, 0))
    )
    return _Curves(shown, centre, below, above)


def _hats(scores: np.ndarray) -> np.ndarray:
    """Weights (n, knots) of linear interpolation between the knots."""
    return np.stack([np.interp(scores, KNOTS, row) for row in np.eye(len(KNOTS))], axis=1)


def _local_mean(values: np.ndarray, at_knot: np.ndarray, prior: float) -> np.ndarray:
    """Mean (knots,) of `values` (n,) near each knot, with `_PRIOR` points of value `prior` more."""
    return (at_knot.T @ values + _PRIOR * prior) / (at_knot.sum(axis=0) + _PRIOR)


def _local_median(values: np.ndarray, at_knot: np.ndarray) -> np.ndarray:
    """Weighted median (knots,) of `values` (n,) near each knot, drawn to 0 as `_local_mean` is."""
    order = np.argsort(values)
    reached = at_knot[order].cumsum(axis=0)
    weight = reached[-1]
    return values[order][(reached >= weight / 2).argmax(axis=0)] * weight / (weight + _PRIOR)


def _quantiles(residual: np.ndarray, spread: np.ndarray, names: np.ndarray, share: float) -> dict[str, float]:
    """The conformal quantile of residual / spread in each group that is large enough: asked of crepes for a
    score of 0 and a spread of 1. A group must have `LEAST_POINTS` and as many as put one beyond the quantile;
    the group of everything has no other to fall back on."""
    from crepes import ConformalPredictiveSystem

    groups, counts = np.unique(names, return_counts=True)
    beyond = math.ceil(round(1 / min(share, 1 - share), 6))
    groups = groups[(counts >= max(LEAST_POINTS, beyond)) | (groups == EVERYTHING)]
    if not len(groups):
        return {}
    large = np.isin(names, groups)
    system = ConformalPredictiveSystem().fit(residual[large], sigmas=spread[large], bins=names[large])
    percent = round(100 * share, 6)
    asked = system.predict(
        np.zeros(len(groups)), np.ones(len(groups)), groups,
        lower_percentiles=percent, higher_percentiles=percent, y_min=-_MOST, y_max=_MOST,
    )  # fmt: skip
    outer = asked[:, 0 if share < 0.5 else 1]  # between two residuals the one that is farther out
    return {str(group): float(value) for group, value in zip(groups, outer, strict=True)}


def _group_curves(curves: _Curves, low: float, high: float) -> dict[str, list[float]]:
    """The ends of a group's interval at the knots: never on the wrong side of the calibrated score, and made
    wider where an end would fall while the score rises."""
    lower = np.minimum(curves.centre + min(low, 0.0) * curves.below, curves.shown)
    upper = np.maximum(curves.centre + max(high, 0.0) * curves.above, curves.shown)
    return {
        "low": _rounded(np.minimum.accumulate(lower[::-1])[::-1], np.floor),
        "high": _rounded(np.maximum.accumulate(upper), np.ceil),
    }


def _rounded(values: np.ndarray, how: Callable[[np.ndarray], np.ndarray] = np.rint) -> list[float]:
    """Four decimals are enough, and make a short file."""
    return (how(np.round(values * 1e4, 6)) / 1e4).tolist()
