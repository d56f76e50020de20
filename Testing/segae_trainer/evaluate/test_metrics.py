"""Measures against values worked out by hand, and what must hold for any values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segae.errors import InputError
from segae_trainer.evaluate.metrics import (
    METRICS,
    auprc,
    auroc,
    bias,
    calibration_bins,
    calibration_error,
    compute,
    concordance,
    kendall,
    lcc,
    limits_of_agreement,
    mae,
    metric_named,
    precision_at_k,
    recall_at_budget,
    rmse,
    spearman,
)

P = np.array([0.1, 0.4, 0.5, 0.9])
T = np.array([0.2, 0.3, 0.8, 0.6])


def test_errors_equal_hand_computed_values() -> None:
    # differences -.1, .1, -.3, .3
    assert mae(P, T) == pytest.approx(0.2)
    assert rmse(P, T) == pytest.approx(math.sqrt(0.05))
    assert bias(P, T) == pytest.approx(0.0)
    assert bias(P + 0.25, T) == pytest.approx(0.25)


def test_correlations_equal_hand_computed_values() -> None:
    # P - .475 = -.375 -.075 .025 .425; T - .475 = -.275 -.175 .325 .125
    covariance, p2, t2 = 0.1775, 0.3275, 0.2275
    assert lcc(P, T) == pytest.approx(covariance / math.sqrt(p2 * t2))
    assert concordance(P, T) == pytest.approx(2 * covariance / (p2 + t2))  # equal means
    assert spearman(P, T) == pytest.approx(1 - 6 * 2 / (4 * 15))  # ranks 1234 against 1243
    assert kendall(P, T) == pytest.approx((5 - 1) / 6)


def test_concordance_falls_with_an_offset_that_correlation_does_not_see() -> None:
    assert lcc(T + 0.3, T) == pytest.approx(1)
    variance = T.var(ddof=1)
    assert concordance(T + 0.3, T) == pytest.approx(2 * variance / (2 * variance + 0.09))


def test_detection_equals_hand_computed_values() -> None:
    # Dice < .7: .2, .3 and .6 are poor, predicted .1, .4, .9; the good one .5: two of three are lower
    assert auroc(P, T, 0.7) == pytest.approx(2 / 3)
    # lowest first: poor, poor, good, poor: precision 1, 1, 3/4 at each hit
    assert auprc(P, T, 0.7) == pytest.approx((1 + 1 + 0.75) / 3)
    assert auroc(P, T, 0.5) == 1


def test_review_equals_hand_computed_values() -> None:
    assert precision_at_k(P, T, 2, 0.7) == 1
    assert precision_at_k(P, T, 3, 0.7) == pytest.approx(2 / 3)
    assert recall_at_budget(P, T, 0.5, 0.7) == pytest.approx(2 / 3)
    assert recall_at_budget(P, T, 0.05, 0.7) == pytest.approx(1 / 3)  # a twentieth of four is one mask


def test_review_of_equal_predictions_is_the_expected_value() -> None:
    same = np.full(4, 0.5)
    assert precision_at_k(same, T, 2, 0.5) == pytest.approx(0.5)
    assert recall_at_budget(same, T, 0.25, 0.5) == pytest.approx(0.25)


def test_a_tenth_of_thirty_masks_is_three() -> None:
    predicted = np.linspace(0, 1, 30)
    truth = np.where(np.arange(30) < 4, 0.1, 0.9)
    assert recall_at_budget(predicted, truth, 0.1, 0.7) == pytest.approx(3 / 4)


def test_calibration_bins_hold_a_tenth_each_and_the_error_is_their_mean_gap() -> None:
    predicted = np.linspace(0, 1, 100)
    bins = calibration_bins(predicted, predicted - 0.1)
    assert [b.n for b in bins] == [10] * 10
    assert calibration_error(predicted, predicted - 0.1) == pytest.approx(0.1)
    assert len(calibration_bins(np.full(5, 0.3), np.linspace(0, 1, 5))) == 1


def test_limits_of_agreement_equal_hand_computed_values() -> None:
    found = limits_of_agreement(P, T)
    spread = 1.96 * math.sqrt(0.2 / 3)
    assert (found.n, found.bias) == (4, pytest.approx(0))
    assert (found.low, found.high) == (pytest.approx(-spread), pytest.approx(spread))
    assert math.isnan(limits_of_agreement(P[:1], T[:1]).low)


@pytest.mark.parametrize("key", ["lcc", "spearman", "kendall", "concordance"])
def test_correlation_of_values_that_do_not_vary_is_not_defined(key: str) -> None:
    measure = METRICS[key].measure
    assert math.isnan(measure(np.full(5, 0.3), np.linspace(0, 1, 5)))
    assert math.isnan(measure(np.linspace(0, 1, 5), np.full(5, 0.3)))
    assert math.isnan(measure(np.array([0.1]), np.array([0.2])))


def test_without_poor_or_without_good_masks_detection_is_not_defined() -> None:
    for truth in (np.full(4, 0.9), np.full(4, 0.1)):
        assert math.isnan(auroc(P, truth, 0.7))
        assert math.isnan(auprc(P, truth, 0.7))
    assert math.isnan(recall_at_budget(P, np.full(4, 0.9), 0.1, 0.7))
    assert math.isnan(precision_at_k(P, T, 5, 0.7))


def test_no_mask_at_all_gives_no_number_and_no_error() -> None:
    assert np.isnan(compute(np.zeros(0), np.zeros(0))).all()


def test_an_unknown_metric_is_named_with_the_known_ones() -> None:
    with pytest.raises(InputError, match='no metric "dice"; choose from lcc'):
        metric_named("dice")


_VALUES = st.integers(1, 30).flatmap(
    lambda n: st.tuples(*[arrays(float, n, elements=st.integers(0, 20).map(lambda v: v / 20))] * 2)
)


@given(_VALUES, st.randoms())
def test_no_figure_depends_on_the_order_of_the_masks(values, random) -> None:
    predicted, truth = values
    order = list(range(len(truth)))
    random.shuffle(order)
    assert compute(predicted[order], truth[order]) == pytest.approx(
        compute(predicted, truth), abs=1e-9, nan_ok=True
    )


@given(_VALUES)
def test_figures_stay_in_their_ranges(values) -> None:
    found = dict(zip(METRICS, compute(*values), strict=True))
    for key, value in found.items():
        if not math.isnan(value):
            low = -1 if key in ("lcc", "spearman", "kendall", "concordance", "bias") else 0
            assert low - 1e-9 <= value <= 1 + 1e-9, key
    assert found["mae"] >= abs(found["bias"]) - 1e-9
    assert found["rmse"] >= found["mae"] - 1e-9


@given(_VALUES)
def test_a_perfect_prediction_has_perfect_figures_where_they_are_defined(values) -> None:
    truth = values[1]
    found = dict(zip(METRICS, compute(truth, truth), strict=True))
    for key in ("lcc", "spearman", "kendall", "concordance", "auroc_70", "auprc_70", "auroc_50"):
        assert math.isnan(found[key]) or found[key] == pytest.approx(1)
    assert found["mae"] == found["rmse"] == found["bias"] == 0


@given(_VALUES)
def test_ranks_and_detection_do_not_change_when_predictions_are_stretched(values) -> None:
    predicted, truth = values
    keys = [key for key in METRICS if key.startswith(("spearman", "kendall", "au", "prec", "recall"))]
    chosen = [METRICS[key] for key in keys]
    stretched = compute(3 * predicted + 1, truth, chosen)
    assert stretched == pytest.approx(compute(predicted, truth, chosen), nan_ok=True)
