"""Applying a table of intervals: the finest known group, always in 0..1, monotone, around the score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segae.errors import ModelError
from segae.scoring.calibration import calibrated, group_names, interval_for

LIVER, T5, BACKGROUND = 13, 54, 0
KNOTS = [0.0, 0.5, 1.0]
CALIBRATED = [0.1, 0.5, 0.95]
TABLE = {
    "confidence": 0.9,
    "slice": {
        "edges": [100.0, 1000.0],
        "knots": KNOTS,
        "calibrated": CALIBRATED,
        "groups": {
            "": {"low": [-0.3, 0.1, 0.5], "high": [0.6, 0.9, 1.2]},
            "1": {"low": [-0.2, 0.2, 0.6], "high": [0.5, 0.8, 1.1]},
            "1/Spine": {"low": [0.0, 0.4, 0.9], "high": [0.2, 0.6, 1.0]},
        },
    },
}


def test_each_mask_gets_the_finest_group_that_the_table_knows():
    found = interval_for(np.full(4, 0.5), np.array([500, 500, 50, 5000]), [T5, LIVER, T5, T5], TABLE)
    np.testing.assert_allclose(found, [[0.4, 0.6], [0.2, 0.8], [0.1, 0.9], [0.1, 0.9]])


def test_an_edge_belongs_to_the_larger_class_and_a_row_without_a_system_to_no_family():
    finest, size, everything = group_names(np.array([99.9, 100.0]), [T5, BACKGROUND], [100.0, 1000.0])
    assert finest.tolist() == ["0/Spine", "1/"]
    assert size.tolist() == ["0", "1"]
    assert everything.tolist() == ["", ""]


def test_between_knots_all_is_linear_and_beyond_them_constant():
    assert calibrated(np.array([-0.4, 0.25, 0.75, 1.3]), TABLE) == pytest.approx([0.1, 0.3, 0.725, 0.95])
    low, high = interval_for(np.array([0.25]), np.array([10.0]), [LIVER], TABLE)[0]
    assert (low, high) == pytest.approx((0.0, 0.75))


@given(
    arrays(float, st.integers(0, 30), elements=st.floats(-0.5, 1.5)),
    st.floats(0, 1e5),
    st.sampled_from([T5, LIVER]),
)
def test_intervals_stay_in_range_hold_the_score_and_rise_with_it(scores, size, structure):
    scores = np.sort(scores)
    sizes, structures = np.full(len(scores), size), [structure] * len(scores)
    low, high = interval_for(scores, sizes, structures, TABLE).T
    centre = calibrated(scores, TABLE)
    assert (low >= 0).all() and (high <= 1).all()
    assert (low <= centre).all() and (centre <= high).all()
    for values in (low, centre, high):
        assert (np.diff(values) >= -1e-12).all()


def test_a_table_without_the_level_says_so():
    with pytest.raises(ModelError, match='no intervals for the level "organ"'):
        interval_for(np.array([0.5]), np.array([1.0]), [LIVER], TABLE, "organ")
    with pytest.raises(ModelError, match='no intervals for the level "slice"'):
        calibrated(np.array([0.5]), {})
