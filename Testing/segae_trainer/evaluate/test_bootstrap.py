"""Whole patients are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae_trainer.evaluate.evaluation import percentile_interval, resample_patients


@given(st.lists(st.integers(0, 4), min_size=2, max_size=30), st.integers(0, 5))
def test_each_draw_holds_all_masks_of_a_patient_or_none(patients: list[int], seed: int) -> None:
    names = np.array([str(p) for p in patients])
    drawn: list[np.ndarray] = []
    resample_patients(names, lambda rows: drawn.append(rows) or np.zeros(1), 5, seed)
    for rows in drawn:
        times = np.bincount(rows, minlength=len(names))
        for name in set(names):
            assert len(set(times[names == name])) == 1
    assert len(drawn) == (5 if len(set(patients)) > 1 else 0)


def test_one_patient_has_no_replicates() -> None:
    assert resample_patients(np.array(["a", "a"]), lambda rows: np.zeros(1)).size == 0


def test_the_interval_of_patient_means_is_wider_than_that_of_single_masks() -> None:
    means = np.repeat(np.array([0.2, 0.4, 0.6, 0.8]), 25)
    patients, masks = np.repeat(list("abcd"), 25), np.arange(100).astype(str)

    def width(names: np.ndarray) -> float:
        interval = percentile_interval(resample_patients(names, lambda rows: means[rows].mean(keepdims=True)))
        return float(interval[0, 1] - interval[0, 0])

    assert width(patients) > 2 * width(masks)


def test_the_same_seed_gives_the_same_draws() -> None:
    names, values = np.array(list("aabbccdd")), np.arange(8.0)
    one, other = (
        resample_patients(names, lambda rows: values[rows].mean(keepdims=True), 20, 7) for _ in range(2)
    )
    assert np.array_equal(one, other)


def test_percentiles_equal_hand_computed_ones_and_rarely_defined_figures_have_none() -> None:
    replicates = np.stack([np.arange(101.0), np.where(np.arange(101) < 40, 1.0, np.nan)], axis=1)
    found = percentile_interval(replicates, 0.9)
    assert found[0].tolist() == pytest.approx([5.0, 95.0])
    assert np.isnan(found[1]).all()
