"""What a report says about its structures and its case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae.errors import ModelError
from segae.results.types import ModelIdentity, predicted_dice


def test_a_structure_is_summed_up_over_its_slices(report):
    liver = next(s for s in report.structures(threshold=0.7) if s.segment == "liver")
    assert liver.mean == pytest.approx((0.9 + 0.5 + 1.04) / 3)
    assert liver.area_weighted_mean == pytest.approx((300 * 0.9 + 100 * 0.5) / 400)
    assert (liver.worst, liver.worst_slice, liver.n_slices) == (0.5, 11, 3)
    assert liver.poor_share == pytest.approx(1 / 3)


def test_a_score_at_the_threshold_is_not_poor(report):
    spleen = next(s for s in report.structures(threshold=0.7) if s.segment == "spleen, old")
    assert spleen.poor_share == 0.5


def test_structures_keep_the_order_of_the_segments_and_an_empty_mask_is_listed_with_zero(report):
    brain, liver, spleen = report.structures()
    assert [brain.segment, liver.segment, spleen.segment] == ["brain", "liver", "spleen, old"]
    assert (brain.n_slices, brain.mean, brain.worst, brain.worst_slice) == (0, 0.0, 0.0, None)
    assert brain.is_empty


def test_segments_without_a_score_stay_in_the_report(report):
    assert [segment.segment for segment in report.unscored()] == ["brain", "blob"]


def test_slices_of_one_structure_in_two_segments_are_kept_apart(report, row):
    twice = replace(report, segments=(), slices=(row("a", 1, 0.2), row("b", 1, 0.4)))
    assert [(s.segment, s.mean) for s in twice.structures()] == [("a", 0.2), ("b", 0.4)]


def test_masks_without_area_weigh_alike(report, row):
    flat = replace(report, segments=(), slices=(row("a", 1, 0.2, area=0.0), row("a", 2, 0.4, area=0.0)))
    assert flat.structures()[0].area_weighted_mean == pytest.approx(0.3)


def test_a_case_counts_every_scored_structure_once(report):
    case = report.case_score(threshold=0.7)
    _, liver, spleen = report.structures()
    assert case.mean == pytest.approx((liver.mean + spleen.mean) / 2)
    assert (case.worst, case.worst_segment, case.n_structures, case.n_slices) == (-0.1, "spleen, old", 2, 5)
    assert case.poor_share == pytest.approx(2 / 5)


def test_a_case_without_scores_is_zero_and_names_nothing(report):
    case = replace(report, slices=()).case_score()
    assert (case.mean, case.worst_segment, case.n_structures) == (0.0, "", 0)


@pytest.mark.parametrize(("raw", "shown"), [(-0.4, 0.0), (0.25, 0.25), (1.3, 1.0)])
def test_what_is_shown_lies_between_0_and_1(row, raw, shown):
    assert row("liver", 1, raw).predicted_dice == predicted_dice(raw) == shown


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_refused_with_its_place(report, row, score):
    with pytest.raises(ModelError, match=r"liver, slice 12, of s0001"):
        replace(report, slices=(row("liver", 12, score),))


def test_options_become_json_values(report):
    given = {"path": Path("a/b"), "hu": ((-150, 250),), "batch": np.int64(8), "threshold": np.float32(0.5)}
    assert replace(report, options=given).options == {
        "path": str(Path("a/b")), "hu": [[-150, 250]], "batch": 8, "threshold": 0.5,
    }  # fmt: skip


def test_only_a_demonstration_model_is_called_one():
    assert "demonstration model" in ModelIdentity("starter", "", "", demonstration=True).label
    assert ModelIdentity("published", "", "").label == "published"
