"""Intervals fitted on some patients hold for others, whatever the model's bias and the masks' size."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segae.scoring.calibration import ORGAN, SLICE, calibrated, group_names, interval_for
from segae.scoring.conformal import (
    EDGES,
    KNOTS,
    LEAST_POINTS,
    Points,
    coverage,
    fit_intervals,
    mean_width,
    measure,
    measure_unseen,
)

LIVER, T5, AORTA = 13, 54, 114
FIELDS = tuple(Points.__dataclass_fields__)


def scored(n: int, seed: int, patients: int = 5, bias: float = 0.0, rare: int | None = None) -> Points:
    """n masks: noise grows as the mask gets smaller and as the score leaves 0 and 1, and the model sees
    `bias` too much. `rare`: so many aortas, the rest livers and T5."""
    rng = np.random.default_rng(seed)
    best_guess = rng.beta(2, 1, n)
    sizes = np.exp(rng.uniform(np.log(30), np.log(8000), n))
    noise = rng.normal(size=n) * (0.02 + 0.4 * best_guess * (1 - best_guess)) * (1 + 150 / (sizes + 50))
    true = np.clip(best_guess + noise, 0, 1)
    structures = rng.choice([LIVER, T5], n)
    if rare is not None:
        structures[rng.permutation(n)[:rare]] = AORTA
    return Points(best_guess + bias, true, sizes, structures, rng.integers(0, patients, n))


@pytest.fixture(scope="module")
def table() -> dict:
    return fit_intervals({SLICE: scored(4000, 1, bias=0.15)})


def test_intervals_hold_for_as_many_unseen_masks_as_promised(table):
    unseen = scored(8000, 2, bias=0.15)
    assert 0.88 <= measure(unseen, table)["all"]["coverage"] <= 0.94


def test_they_hold_in_every_size_class(table):
    unseen = scored(8000, 2, bias=0.15)
    _, size, _ = group_names(unseen.sizes, unseen.structures, EDGES[SLICE])
    for one in np.unique(size):
        assert 0.86 <= measure(unseen.where(size == one), table)["all"]["coverage"] <= 0.95


def test_they_are_wider_for_small_masks_and_for_middling_scores():
    table = fit_intervals({SLICE: scored(4000, 1)})

    def width(score: float, size: float) -> float:
        low, high = interval_for(np.array([score]), np.array([size]), [LIVER], table)[0]
        return high - low

    assert width(0.6, 50.0) > 1.3 * width(0.6, 5000.0)
    assert width(0.6, 5000.0) > 1.3 * width(1.0, 5000.0)


@pytest.mark.parametrize("bias", [0.15, -0.15])
def test_the_calibrated_score_is_nearer_to_the_truth_than_a_biased_one(bias: float):
    fitted = fit_intervals({SLICE: scored(4000, 3, bias=bias)})
    unseen = scored(4000, 4, bias=bias)
    error = np.abs(calibrated(unseen.predicted, fitted) - unseen.true).mean()
    assert error < 0.8 * np.abs(unseen.predicted.clip(0, 1) - unseen.true).mean()


def test_a_score_that_means_good_or_very_bad_is_shown_as_the_one_that_is_more_often_true():
    """Masks scored .7 are good seven times in ten and not in the right place at all three times."""
    true = np.tile([0.9] * 7 + [0.0] * 3, 100)
    liver = np.full(len(true), LIVER)
    points = Points(np.full(len(true), 0.7), true, np.full(len(true), 900.0), liver, np.arange(len(true)) % 5)
    table = fit_intervals({SLICE: points})
    assert calibrated(np.array([0.7]), table)[0] == pytest.approx(0.9, abs=0.02)
    low, high = interval_for(np.array([0.7]), np.array([900.0]), [LIVER], table)[0]
    assert low == pytest.approx(0.0, abs=0.05)
    assert high >= 0.9


@settings(max_examples=25)
@given(st.integers(LEAST_POINTS, 400), st.integers(0, 10_000), st.floats(-0.4, 0.4), st.integers(1, 6))
def test_whatever_the_points_curves_rise_and_ends_embrace_the_score(n, seed, bias, patients):
    level = fit_intervals({SLICE: scored(n, seed, patients, bias)})[SLICE]
    assert level["knots"] == KNOTS.tolist()
    assert (np.diff(level["calibrated"]) >= 0).all()
    for curves in level["groups"].values():
        assert (np.diff(curves["low"]) >= 0).all() and (np.diff(curves["high"]) >= 0).all()
        assert np.less_equal(curves["low"], level["calibrated"]).all()
        assert np.less_equal(level["calibrated"], curves["high"]).all()


def test_a_family_with_few_points_is_left_to_its_size_class():
    groups = fit_intervals({SLICE: scored(2000, 5, rare=LEAST_POINTS - 1)})[SLICE]["groups"]
    assert {"", "0", "3", "0/Spine", "3/Digestive"} <= set(groups)
    assert not any("vessels" in name for name in groups)


def test_slices_and_organs_have_their_own_curves_and_the_table_is_json():
    fitted = fit_intervals({SLICE: scored(300, 6), ORGAN: scored(60, 7)}, confidence=0.8)
    assert json.loads(json.dumps(fitted, allow_nan=False)) == fitted
    assert fitted["confidence"] == 0.8
    assert (fitted[SLICE]["n"], fitted[ORGAN]["n"]) == (300, 60)
    assert fitted[ORGAN]["edges"] == list(EDGES[ORGAN])
    assert len(json.dumps(fitted)) < 20_000


def test_more_confidence_never_makes_an_interval_narrower():
    points = scored(1000, 8)
    probe = scored(200, 9)
    ends = [
        interval_for(probe.predicted, probe.sizes, probe.structures, fit_intervals({SLICE: points}, share))
        for share in (0.5, 0.8, 0.9)
    ]
    for narrow, wide in pairwise(ends):
        assert (wide[:, 0] <= narrow[:, 0] + 1e-9).all() and (wide[:, 1] >= narrow[:, 1] - 1e-9).all()


def test_each_patient_is_measured_with_a_table_of_the_others():
    measured = measure_unseen(scored(3000, 10, patients=4, bias=0.1))
    assert set(measured) == {"0", "1", "2", "3", "mean"}
    assert 0.86 <= measured["mean"]["coverage"] <= 0.95
    assert measured["mean"]["mae"] < measured["mean"]["mae_raw"]


def test_a_patient_unlike_the_others_is_noticed_by_measuring():
    points = scored(3000, 11, patients=4)
    odd = points.patients == 0
    moved = replace(points, predicted=np.where(odd, points.predicted * 0.3, points.predicted))
    measured = measure_unseen(moved)
    assert measured["0"]["coverage"] < 0.6 < measured["1"]["coverage"]


def test_patients_that_differ_get_wider_intervals_that_hold_for_the_next_one():
    def cohort(seed: int) -> Points:
        parts = [scored(700, seed + n, bias=bias) for n, bias in enumerate((0.2, 0.0, -0.2))]
        columns = [np.concatenate([getattr(part, name) for part in parts]) for name in FIELDS]
        return replace(Points(*columns), patients=np.repeat(np.arange(3), 700))

    fitted = fit_intervals({SLICE: cohort(20)})
    assert fitted[SLICE]["asked"] > fitted["confidence"] == 0.9
    alike = fit_intervals({SLICE: scored(2100, 20, patients=3)})
    assert alike[SLICE]["asked"] <= 0.92
    both = fit_intervals({SLICE: cohort(20), ORGAN: scored(300, 21, patients=3)})
    assert both[ORGAN]["asked"] < both[SLICE]["asked"]  # each as strict as it has to be
    assert measure_unseen(cohort(40))["mean"]["coverage"] >= 0.85


def test_too_few_or_broken_points_are_refused():
    with pytest.raises(ValueError, match="39 points are too few"):
        fit_intervals({SLICE: scored(39, 12)})
    points = scored(100, 13)
    broken = replace(points, predicted=np.where(np.arange(100) == 7, np.nan, points.predicted))
    with pytest.raises(ValueError, match="must be finite"):
        fit_intervals({SLICE: broken})


def test_intervals_count_their_ends() -> None:
    assert coverage(np.array([0.1, 0.5]), np.array([0.2, 0.6]), np.array([0.2, 0.7])) == 0.5
    assert mean_width(np.array([0.1, 0.5]), np.array([0.2, 0.8])) == pytest.approx(0.2)
