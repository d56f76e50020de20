"""Worst first, at every level."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.checks.finding import Finding
from segae.errors import InputError
from segae.results.files import write_table
from segae.results.ranking import Ranked, rank, ranking_table, worst_first
from segae.results.types import ModelIdentity, QualityReport, SearchedSlice, SliceScore
from segae.results.verdicts import OrganVerdict


def _verdict(ranked: Ranked) -> OrganVerdict:
    assert isinstance(ranked.row, OrganVerdict)
    return ranked.row


def test_slices_are_ranked_by_their_raw_score(report):
    ranked = rank(report, "slice")
    assert [r.score for r in ranked] == [-0.1, 0.5, 0.7, 0.9, 1.04]
    assert [r.predicted_dice for r in ranked] == [0.0, 0.5, 0.7, 0.9, 1.0]


def test_structures_are_ranked_by_their_mean_and_empty_masks_left_out(report):
    assert [_verdict(r).scores for r in rank(report, "structure")] == list(worst_first(report))
    assert [s.segment for s in worst_first(report)] == ["spleen, old", "liver"]


def test_cases_are_ranked_by_their_mean_and_those_without_scores_left_out(report, row):
    good = replace(report, case="good", slices=(row("liver", 1, 0.99),))
    ranked = rank([good, replace(report, case="none", slices=()), report], "case")
    assert [r.case for r in ranked] == ["s0001", "good"]


def test_the_threshold_reaches_the_rows(report):
    lowest = _verdict(rank(report, "structure", threshold=0.71)[0]).scores
    assert (lowest.poor_share, lowest.threshold) == (1.0, 0.71)


def test_structures_that_need_nobody_come_last_and_an_organ_without_mask_first(report, row):
    doubtful = Finding("TINY_MASK", "info", "Small.", ("rib",))
    found = [SearchedSlice("brain", 25, "brain", k, 0.0, 0.0, 3.0 * k, 3.0, 400.0, 0.98) for k in (5, 6)]
    more = replace(
        report,
        slices=(*report.slices, row("rib", 1, 0.95, index=67)),
        searched=tuple(found),
        findings=(doubtful,),
    )
    ranked = rank([more], "structure", threshold=0.5)
    assert [_verdict(r).segment for r in ranked] == ["brain", "spleen, old", "rib", "liver"]
    assert rank([more], "structure", 0.5, limit=3) == ranked[:3]


def test_the_table_of_structures_says_verdict_and_missing_slices(report):
    columns, rows = ranking_table(rank(report, "structure"), "structure")
    first = dict(zip(columns, rows[0], strict=True))
    assert (first["segment"], first["verdict"], first["missing_slices"]) == ("spleen, old", "poor", "")
    assert first["reasons"] == "The predicted Dice is 0.30, below 0.7."


@given(scores=st.lists(st.sampled_from([0.1, 0.2, 0.3]), max_size=20), limit=st.none() | st.integers(0, 25))
def test_equal_scores_keep_the_order_of_the_reports(scores, limit):
    rows = [SliceScore("a", 1, "a", place, 0, 0, 0, 1, score) for place, score in enumerate(scores)]
    many = [QualityReport("c", "", "", ModelIdentity("m", "", ""), (row,)) for row in rows]
    expected = sorted(rows, key=lambda row: (row.score, row.slice))[:limit]
    assert [ranked.row for ranked in rank(many, "slice", limit=limit)] == expected


def test_an_unknown_level_and_a_negative_limit_are_refused(report):
    with pytest.raises(InputError, match="one of slice, structure, case"):
        rank(report, "organ")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="must not be negative"):
        rank(report, limit=-1)


@pytest.mark.parametrize("level", ["slice", "structure", "case"])
def test_a_ranking_becomes_a_table_with_what_is_shown(report, tmp_path, level):
    columns, rows = ranking_table(rank(report, level), level)
    assert columns[:3] == ["rank", "case", "predicted_dice"]
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert [row[2] for row in rows] == sorted(r.predicted_dice for r in rank(report, level))
    assert {len(row) for row in rows} == {len(columns)}
    assert len(write_table(columns, rows, tmp_path / "t.csv").read_text().splitlines()) == len(rows) + 1
