"""What comes first in review order."""

from __future__ import annotations

import numpy as np
import pytest

from segae.results.review_order import SMALL_MM2, ordered_segments, ordered_slices, slice_priority
from segae.results.types import SegmentResult


def test_the_priority_is_the_square_of_the_error_times_both_areas():
    assert slice_priority([0.5, 0.9], [100, 1000], [300, 1000]) == pytest.approx([0.25 * 400, 0.01 * 2000])


def test_a_slice_that_is_wrong_as_a_whole_goes_before_the_edge_of_a_large_organ():
    whole, edge = slice_priority([0.1, 0.9], [400, 8000], [400, 8000])
    assert whole > edge


def test_small_slices_come_after_all_others_and_keep_their_order():
    small = SMALL_MM2 - 1
    priority = slice_priority([0.0, 0.5, 1.0, 0.2], [small, small, 5000, 60], [0, small, 5000, 60])
    assert np.argsort(-priority).tolist() == [3, 2, 0, 1]
    assert (priority[[0, 1]] < 0).all() and (priority[[2, 3]] >= 0).all()


def test_a_small_mask_of_a_large_organ_is_not_small():
    assert slice_priority([0.1], [10], [900])[0] > 0


def test_slices_without_predicted_organ_count_their_mask_twice(report_with, row):
    report = report_with(row("a", 1, 0.5, area=200.0), row("a", 2, 0.4, area=120.0), extents=())
    assert [one.slice.slice for one in ordered_slices(report, "review")] == [1, 2]
    assert [one.slice.slice for one in ordered_slices(report, "dice")] == [2, 1]


def test_what_needs_review_goes_before_a_larger_wrong_volume_that_does_not():
    fine = SegmentResult("fine", 1, "a", 9, 900.0, verdict="fine", predicted_dice=0.9, wrong_ml=80.0)
    poor = SegmentResult("poor", 2, "b", 9, 1.0, verdict="poor", predicted_dice=0.5, wrong_ml=0.5)
    worse = SegmentResult("worse", 3, "c", 9, 10.0, verdict="poor", predicted_dice=0.6, wrong_ml=4.0)
    segments = (fine, poor, worse)
    assert [one.segment for one in ordered_segments(segments)] == ["worse", "poor", "fine"]
    assert [one.segment for one in ordered_segments(segments, "dice")] == ["poor", "worse", "fine"]
