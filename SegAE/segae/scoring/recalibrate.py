"""A model that learned from what reviewers decided: calibration, intervals and thresholds fitted anew.

The network stays as it is. A mask that was accepted counts as right (Dice 1), one that was corrected has the
Dice between before and after: labels that cost nothing beyond the review. The curves are fitted on top of
those that the model had, so that scores of which the reviews hold few masks stay where they were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segae.errors import InputError
from segae.files import remove_leftovers
from segae.models.checkpoint import check_ending, file_sha256, read_spec, save_with_spec
from segae.models.registry import find_model
from segae.models.spec import ModelSpec
from segae.progress import Watch
from segae.results.reviews import LABELLED, Review, files_of_reviews, latest, read_reviews
from segae.scoring.calibration import ORGAN, SLICE, THRESHOLDS, calibrated
from segae.scoring.conformal import (
    LEAST_POINTS,
    Points,
    composed,
    fit_intervals,
    left_over,
    measure,
    measure_unseen,
)

LEAST_CASES = 5
LEAST_OF_EACH = 10  # accepted masks, and masks that were not, before a structure gets a threshold of its own
MOST_GROUPS = 10  # of cases that are left out together; fitting takes time with the square of their number


@dataclass(frozen=True)
class Held:
    """What intervals were worth for cases that they were not fitted on: share inside (`coverage`), mean
    `width`, mean absolute error of the predicted Dice (`mae`), and how many masks or slices (`n`)."""

    coverage: float | None
    width: float | None
    mae: float
    n: int


@dataclass(frozen=True)
class Recalibration:
    """The new table of intervals; from how many `masks` (`accepted`, the others corrected) of how many
    `cases`; `before` and `after` by level, "slice" and "organ"; `thresholds` by label index."""

    intervals: Mapping[str, Any]
    masks: int
    accepted: int
    cases: int
    before: Mapping[str, Held]
    after: Mapping[str, Held]
    thresholds: Mapping[int, float]


def recalibrate(spec: ModelSpec, sha256: str, reviews: Iterable[Review]) -> Recalibration:
    """Fit a model's table of intervals anew on masks that were accepted or corrected.

    `sha256`: of the model's file; decisions on scores of another model do not count. The last decision about
    a mask counts. Coverage after is by cross-validation over cases. Raises `InputError` when there are too
    few masks or cases, with the numbers that are there and needed.
    """
    of_model = [review for review in latest(reviews).values() if review.model_sha256 == sha256]
    usable = [review for review in of_model if _is_usable(review)]
    groups = _groups(usable)
    _check_enough(usable, groups, spec.name)
    levels = {SLICE: _slice_points(usable, groups)}
    if spec.predicts_areas:  # else the Dice of a mask is the mean of its slices
        levels[ORGAN] = _organ_points(usable, groups)
    shown = {level: _as_shown(points, spec.intervals, level) for level, points in levels.items()}
    fitted = fit_intervals(shown)
    intervals = {
        "confidence": fitted["confidence"],
        **{level: composed(fitted[level], spec.intervals.get(level)) for level in shown},
    }
    thresholds = _thresholds(of_model, intervals)
    if thresholds:
        intervals[THRESHOLDS] = {str(index): value for index, value in thresholds.items()}
    return Recalibration(
        intervals,
        len(usable),
        sum(review.decision == "accept" for review in usable),
        len({review.case for review in usable}),
        {level: _before(points, spec.intervals, level) for level, points in levels.items()},
        {level: _after(points, level) for level, points in shown.items()},
        thresholds,
    )


def learn_from_reviews(model: str | Path, reviews: Iterable[Path], out: Path) -> Recalibration:
    """Write the model that was reviewed, a bundled one by name or a file, as `out` with a table fitted anew;
    whole or not at all. `reviews`: files of reviewers, or folders of results. Raises `InputError` for what
    cannot be used, and `OutputError`."""
    path = find_model(model)
    check_ending(out)
    if out.exists() and out.samefile(path):
        raise InputError(f'"{out}" is the model that was reviewed; choose another name.')
    remove_leftovers([out])
    spec = read_spec(path)
    found = recalibrate(spec, file_sha256(path), read_reviews(files_of_reviews(reviews)))
    what = f"Calibrated on {found.masks} reviewed masks of {found.cases} cases of {spec.name}."
    described = f"{spec.description} {what}".strip()
    save_with_spec(path, replace(spec, name=out.stem, intervals=found.intervals, description=described), out)
    return found


def recalibrate_in_child(watch: Watch, folder: str, model: str, out: str) -> dict[str, Any]:
    """`learn_from_reviews` for a child process, from a folder of results; returns the numbers of masks and
    cases, and what share of the masks was inside its interval, as JSON values."""
    watch.step("learning from reviews", 0, 1)
    found = learn_from_reviews(model, [Path(folder)], Path(out))
    level = ORGAN if ORGAN in found.after else SLICE
    return {
        "masks": found.masks, "accepted": found.accepted, "cases": found.cases,
        "before": found.before[level].coverage, "after": found.after[level].coverage,
    }  # fmt: skip


def _is_usable(review: Review) -> bool:
    """It says what the mask should be, and what the model said of it."""
    return review.decision in LABELLED and review.raw_dice is not None and bool(review.slices)


def _check_enough(usable: Sequence[Review], groups: Mapping[str, int], name: str) -> None:
    """Fits are tried on cases left out, so the others alone must be enough."""
    patients = len({_patient(review) for review in usable})
    others = left_over(np.array([groups[review.case] for review in usable]))
    if patients >= LEAST_CASES and others >= LEAST_POINTS:
        return
    raise InputError(
        f"The reviews hold {len(usable)} accepted or corrected masks of {patients} patients with scores of "
        f"the model {name}, and a recalibration needs {LEAST_CASES} patients and {LEAST_POINTS} masks beside "
        f"those of each patient ({others} here); review more, or choose the model whose "
        "scores were reviewed."
    )


def _patient(review: Review) -> str:
    return review.patient or review.case


def _groups(reviews: Sequence[Review]) -> dict[str, int]:
    """Which masks are left out together when a fit is tried on others, by case: those of a patient, and of
    several patients where there are many; of about as many masks each."""
    masks = Counter(_patient(review) for review in reviews)
    sizes = [0] * min(MOST_GROUPS, len(masks))
    place = {}
    for patient, count in sorted(masks.items(), key=lambda one: (-one[1], one[0])):
        place[patient] = sizes.index(min(sizes))
        sizes[place[patient]] += count
    return {review.case: place[_patient(review)] for review in reviews}


def _slice_points(reviews: Sequence[Review], groups: Mapping[str, int]) -> Points:
    return _points(
        (one.raw_score, one.dice, one.area_mm2, review.structure_index, groups[review.case])
        for review in reviews
        for one in review.slices
    )


def _organ_points(reviews: Sequence[Review], groups: Mapping[str, int]) -> Points:
    return _points(
        (review.raw_dice, review.dice, review.volume_mm3, review.structure_index, groups[review.case])
        for review in reviews
    )


def _points(rows: Iterable[tuple[Any, ...]]) -> Points:
    """Points of rows (raw score, Dice, size, label index, group)."""
    raw, dice, size, structure, group = zip(*rows, strict=True)
    known = np.array([-1 if index is None else index for index in structure])
    return Points(np.array(raw, float), np.array(dice, float), np.array(size, float), known, np.array(group))


def _as_shown(points: Points, table: Mapping[str, Any], level: str) -> Points:
    """The points with the scores that the model shows, from which the new curves start."""
    if level not in table:
        return replace(points, predicted=np.clip(points.predicted, 0, 1))
    return replace(points, predicted=calibrated(points.predicted, table, level))


def _before(points: Points, table: Mapping[str, Any], level: str) -> Held:
    """What the model's own table is worth on the reviewed masks, none of which it was fitted on."""
    mae = float(np.abs(_as_shown(points, table, level).predicted - points.true).mean())
    if level not in table:
        return Held(None, None, mae, len(points))
    held = measure(points, table, level)["all"]
    return Held(held["coverage"], held["width"], mae, len(points))


def _after(points: Points, level: str) -> Held:
    """What a table fitted on the other cases is worth on those left out, as a mean over the groups."""
    mean = measure_unseen(points, level)["mean"]
    return Held(mean["coverage"], mean["width"], mean["mae"], len(points))


def _thresholds(reviews: Iterable[Review], intervals: Mapping[str, Any]) -> dict[int, float]:
    """For each structure with enough masks the predicted Dice that best tells those that were accepted from
    those that were corrected or need work: the highest sum of sensitivity and specificity (Youden, Cancer
    1950), in the middle between the two masks that it lies between."""
    by_structure: dict[int, list[Review]] = {}
    for review in reviews:
        scored = review.raw_dice is not None and (ORGAN in intervals or review.slices)
        if scored and review.decision != "skip" and review.structure_index is not None:
            by_structure.setdefault(review.structure_index, []).append(review)
    found = {}
    for index, own in sorted(by_structure.items()):
        good = np.array([review.decision == "accept" for review in own])
        if min(good.sum(), (~good).sum()) < LEAST_OF_EACH:
            continue
        found[index] = _dividing(np.array([_shown_dice(review, intervals) for review in own]), good)
    return found


def _shown_dice(review: Review, intervals: Mapping[str, Any]) -> float:
    """The predicted Dice of the mask as a model with this table shows it."""
    if ORGAN in intervals:
        return float(calibrated(np.array([review.raw_dice], float), intervals, ORGAN)[0])
    return float(calibrated(np.array([one.raw_score for one in review.slices]), intervals).mean())


def _dividing(scores: np.ndarray, good: np.ndarray) -> float:
    """The score (0..1) below which masks are least often good, of scores (n,) and which are good (n,)."""
    values = np.unique(scores)
    cuts = np.concatenate([values[:1], (values[:-1] + values[1:]) / 2])
    below = scores[:, None] < cuts
    gain = below[~good].mean(axis=0) - below[good].mean(axis=0)
    return round(float(cuts[gain.argmax()]), 3)
