"""What a report says about its segments and its case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae.errors import ModelError
from segae.results.types import SliceResult, clipped


def _named(report, name):
    return next(segment for segment in report.segments if segment.segment == name)


def test_a_segment_is_summed_up_over_its_slices(report):
    liver = _named(report, "liver")
    assert liver.mean == pytest.approx((0.9 + 0.5 + 1.0) / 3)
    assert liver.raw_dice == pytest.approx((0.9 + 0.5 + 1.04) / 3)
    assert liver.area_weighted_mean == pytest.approx((300 * 0.9 + 100 * 0.5) / 400)
    assert (liver.lowest, liver.lowest_slice, liver.n_slices) == (0.5, 11, 3)
    assert liver.below_threshold == pytest.approx(1 / 3)


def test_a_predicted_dice_at_the_threshold_is_not_below_it(report):
    assert _named(report, "spleen, old").n_below == 1


def test_segments_keep_their_order_and_one_without_slices_has_no_numbers(report):
    brain, liver, blob, spleen = report.segments
    assert [one.segment for one in (brain, liver, blob, spleen)] == ["brain", "liver", "blob", "spleen, old"]
    numbers = (brain.mean, brain.lowest, brain.lowest_slice, brain.below_threshold, brain.predicted_dice)
    assert numbers == (None,) * 5 and not brain.is_scored
    assert [segment.segment for segment in report.unscored] == ["brain", "blob"]


def test_masks_without_area_weigh_alike(report_with, row):
    flat = report_with(row("a", 1, 0.2, area=0.0), row("a", 2, 0.4, area=0.0), extents=())
    assert flat.segments[0].area_weighted_mean == pytest.approx(0.3)
    assert flat.segments[0].wrong_ml == 0


def test_a_case_counts_every_scored_segment_once(report):
    _, liver, _, spleen = report.segments
    assert report.predicted_dice == pytest.approx((liver.mean + spleen.mean) / 2)
    assert (report.worst, report.worst_segment, report.n_segments, report.n_slices) == (
        0.0,
        "spleen, old",
        2,
        5,
    )
    assert report.below_threshold == pytest.approx(2 / 5)
    assert report.wrong_ml == pytest.approx(liver.wrong_ml + spleen.wrong_ml)


def test_a_case_without_scores_has_no_dice_and_names_nothing(report_with):
    empty = report_with()
    assert (empty.predicted_dice, empty.worst, empty.worst_segment, empty.n_segments) == (None, None, "", 0)


def test_the_wrong_area_follows_from_areas_or_else_from_the_dice():
    without = SliceResult(1, 0.0, 0.0, 0.0, 3.0, 200.0, 0.75, 0.75)
    assert without.wrong_mm2 == pytest.approx(50.0)
    assert replace(without, overlap_mm2=150.0, organ_mm2=160.0).wrong_mm2 == pytest.approx(60.0)
    assert SliceResult(1, 0.0, 0.0, 0.0, 3.0, 0.0, organ_mm2=80.0, presence=0.9).wrong_mm2 == 80.0


@pytest.mark.parametrize(("score", "shown"), [(-0.3, 0.0), (0.4, 0.4), (1.2, 1.0)])
def test_the_predicted_dice_of_a_score_without_calibration_is_clipped(score, shown):
    assert clipped(score) == shown


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_refused(report_with, row, score):
    with pytest.raises(ModelError, match=r"no number for liver in slice 3"):
        report_with(row("liver", 3, score))


def test_options_become_what_json_gives_back(report):
    options = replace(report, options={"a": (1, 2), "names": Path("x"), "n": np.int64(3)}).options
    assert options == {"a": [1, 2], "names": "x", "n": 3}
