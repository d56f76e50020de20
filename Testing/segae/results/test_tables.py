"""Rankings and tables, in both orders."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from flat_rows import FlatRow
from hypothesis import given
from hypothesis import strategies as st

from segae.errors import InputError
from segae.finding import Finding
from segae.labels.table import load_structures
from segae.results.files import write_table
from segae.results.tables import rank, segment_table, wide_table
from segae.results.types import CaseReport, ModelIdentity, SegmentResult, SliceResult
from segae.results.verdicts import with_threshold


def _names(rows):
    return [row.segment.segment for row in rows]


def test_by_dice_slices_stand_lowest_first_with_the_raw_score_for_those_that_are_clipped(report):
    ranked = rank(report, "slice", "dice")
    assert [row.slice.raw_score for row in ranked] == [-0.1, 0.5, 0.7, 0.9, 1.04]
    assert [row.slice.predicted_dice for row in ranked] == [0.0, 0.5, 0.7, 0.9, 1.0]


def test_by_dice_segments_stand_by_theirs_and_empty_masks_are_left_out(report):
    assert _names(rank(report, "structure", "dice")) == ["spleen, old", "liver"]


def test_in_review_order_segments_stand_by_wrong_volume(report_with, row):
    extents = (
        SegmentResult("small", 26, "spleen", 100, 1.0),
        SegmentResult("large", 13, "liver", 100_000, 1000.0),
        SegmentResult("good", 51, "aorta", 100_000, 1000.0),
    )
    rows = (row("small", 1, 0.1, index=26), row("large", 1, 0.6), row("good", 1, 0.9, index=51))
    report = report_with(*rows, extents=extents)
    assert _names(rank(report, "structure", "review")) == ["large", "small", "good"]
    assert _names(rank(report, "structure", "dice")) == ["small", "large", "good"]


def test_cases_without_scores_are_left_out(report, report_with, row):
    good = report_with(row("liver", 1, 0.99), case="good")
    for order in ("dice", "review"):
        ranked = rank([good, report_with(case="none"), report], "case", order)
        assert {r.report.case for r in ranked} == {"s0001", "good"}
    assert [r.report.case for r in rank([good, report], "case", "dice")] == ["s0001", "good"]


def test_segments_that_need_no_review_come_last_and_an_organ_without_mask_is_listed(report, report_with, row):
    doubtful = Finding("TINY_MASK", "info", "Small.", ("rib",))
    found = [
        FlatRow("brain", 25, "brain", k, 0.0, 0.0, 3.0 * k, organ_mm2=400.0, presence=0.98) for k in (5, 6)
    ]
    rows = [row("liver", 10, 0.9), row("spleen, old", 11, 0.3, index=26), row("rib", 1, 0.95, index=67)]
    more = report_with(*rows, *found, findings=(doubtful,), threshold=0.5)
    ranked = rank([more], "structure", "dice")
    assert _names(ranked) == ["brain", "spleen, old", "rib", "liver"]
    assert rank([more], "structure", "dice", limit=3) == ranked[:3]


@given(scores=st.lists(st.sampled_from([0.1, 0.2, 0.3]), max_size=20), limit=st.none() | st.integers(0, 25))
def test_equal_scores_keep_the_order_of_the_reports(scores, limit):
    many = []
    for place, score in enumerate(scores):
        one = SliceResult(place, 0, 0, 0, 3, 1, score, score)
        many.append(
            CaseReport("c", "", "", ModelIdentity("m", "", ""), (SegmentResult("a", 1, "a", 9, 1, (one,)),))
        )
    expected = sorted(range(len(scores)), key=lambda place: (scores[place], place))[:limit]
    assert [row.slice.slice for row in rank(many, "slice", "dice", limit)] == expected


def test_an_unknown_level_and_a_negative_limit_are_refused(report):
    with pytest.raises(InputError, match="one of slice, structure, case"):
        rank(report, "organ")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="must not be negative"):
        rank(report, limit=-1)


def test_the_table_of_segments_says_verdict_reasons_and_wrong_volume(report):
    columns, rows = segment_table(report)
    first, *_, last = (dict(zip(columns, row, strict=True)) for row in rows)
    assert (first["segment"], first["verdict"], first["missing_slices"]) == ("spleen, old", "poor", "")
    assert first["reasons"] == "The predicted Dice is 0.35, below 0.7."
    assert first["wrong_ml"] == pytest.approx(0.5 * (100 * 1.0 + 100 * 0.3) / 200)
    assert (last["segment"], last["predicted_dice"]) == ("brain", "")


def test_another_threshold_decides_anew(report):
    strict = with_threshold(report, 0.95)
    assert [one.verdict for one in strict.segments] == ["absent", "poor", None, "poor"]
    assert [one.n_below for one in strict.segments] == [0, 2, 0, 2]
    assert with_threshold(strict, report.threshold) == report


def test_the_wide_table_has_one_row_per_case_and_one_column_per_class(report, report_with, row, tmp_path):
    other = report_with(row("liver", 10, 0.9), case="s0002")
    columns, rows = wide_table([report, other], load_structures())
    table = pd.read_csv(write_table(columns, rows, tmp_path / "wide.csv"), index_col="CT_Sample")
    assert table.shape == (2, 144)
    assert columns[0] == "CT_Sample"
    assert "Background" not in columns
    assert table.liver.to_dict() == {"s0001": pytest.approx((0.9 + 0.5 + 1.04) / 3), "s0002": 0.9}
    assert table.spleen["s0001"] == pytest.approx(0.3)


def test_in_the_wide_table_an_absent_or_empty_organ_is_an_empty_cell(report):
    columns, rows = wide_table([report], load_structures())
    (values,) = rows
    assert values[columns.index("brain")] == ""
    assert sum(value != "" for value in values) == 3


def test_in_the_wide_table_two_masks_of_one_class_count_by_their_slices(report_with, row):
    twice = report_with(row("a", 1, 0.2), row("a", 2, 0.4), row("b", 1, 0.9), extents=())
    columns, rows = wide_table([twice], load_structures())
    assert next(iter(rows))[columns.index("liver")] == pytest.approx(0.5)


def test_the_wide_table_holds_raw_scores_where_shown_ones_are_calibrated(report_with, row):
    calibrated = report_with(replace(row("liver", 1, 0.69), predicted_dice=0.723))
    columns, rows = wide_table([calibrated], load_structures())
    assert next(iter(rows))[columns.index("liver")] == 0.69
