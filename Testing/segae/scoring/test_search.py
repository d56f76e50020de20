"""Slices without mask in which an organ is looked for, and what they add to the volume's Dice."""

from __future__ import annotations

import numpy as np
import pytest
from flat_rows import searched, slices
from hypothesis import given
from hypothesis import strategies as st

from segae.data import Segmentation
from segae.inputs.slices import REACH_MM, STEP_MM, slices_everywhere, slices_to_search
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer

masks = st.lists(st.integers(0, 3), min_size=1, max_size=30).map(np.array)


@given(areas=masks, first=st.integers(0, 20), behind=st.integers(0, 20), slice_mm=st.floats(0.5, 10))
def test_gaps_and_both_ends_are_searched_and_nothing_else(
    areas: np.ndarray, first: int, behind: int, slice_mm: float
):
    count = first + len(areas) + behind
    wanted = slices_to_search(areas, first, count, slice_mm)
    filled = np.flatnonzero(areas) + first
    if not len(filled):
        assert not len(wanted.slices)
        return
    assert not set(wanted.slices) & set(filled)
    assert len(set(wanted.slices)) == len(wanted.slices)
    assert ((wanted.slices >= 0) & (wanted.slices < count)).all()
    inside = {k for k in range(filled[0], filled[-1]) if k not in filled}
    assert inside <= set(wanted.slices)
    beyond = set(wanted.slices) - inside
    for k in beyond:
        distance = max(filled[0] - k, k - filled[-1])
        assert 0 < distance <= max(1, round(REACH_MM / slice_mm))
    # A window is cut round a slice that has a mask.
    assert (areas[wanted.near] > 0).all()
    assert (wanted.searched_mm > 0).all()


def test_ends_are_searched_in_steps_that_stand_for_the_slices_between():
    wanted = slices_to_search(np.ones(3, int), 40, 100, 3.0)
    below = wanted.slices[wanted.slices < 40]
    assert below.tolist() == list(range(39, 19, -2))
    assert set(wanted.near[wanted.slices < 40]) == {0}
    assert set(wanted.near[wanted.slices > 42]) == {2}
    assert set(wanted.searched_mm) == {STEP_MM}


def test_gaps_are_searched_slice_by_slice_round_the_nearest_mask():
    wanted = slices_to_search(np.array([1, 0, 0, 0, 2]), 0, 5, 3.0)
    assert wanted.slices.tolist() == [1, 2, 3]
    assert wanted.near.tolist()[0] == 0
    assert wanted.near.tolist()[2] == 4
    assert wanted.searched_mm.tolist() == [3.0] * 3


@given(count=st.integers(1, 300), slice_mm=st.floats(0.3, 20))
def test_a_whole_scan_is_looked_through_evenly(count: int, slice_mm: float):
    chosen, thickness = slices_everywhere(count, slice_mm)
    assert len(chosen) >= 1
    assert 0 <= chosen[0] <= chosen[-1] < count
    assert thickness >= slice_mm * 0.999
    assert abs(len(chosen) * thickness - count * slice_mm) <= thickness


def test_the_volume_dice_counts_what_the_mask_leaves_out(seeing_model, bright_case):
    case = bright_case()  # slices as thick as the steps of the search: none is left out
    report = Scorer(seeing_model).score_case(case.ct, Segmentation((case.segment,)))
    assert {row.slice for row in slices(report)} == set(np.flatnonzero(case.mask.any(axis=(1, 2))))
    assert {row.slice for row in searched(report)} == set(range(16)) - {row.slice for row in slices(report)}
    both = case.organ.sum() + case.mask.sum()
    expected = 2 * (case.organ & case.mask).sum() / both
    assert report.segments[0].raw_dice == pytest.approx(expected, abs=1e-6)
    assert np.mean([row.raw_score for row in slices(report)]) > expected + 0.1
    found = {row.slice: row.organ_mm2 for row in searched(report) if row.presence >= 0.5}
    assert found == dict.fromkeys((2, 3, 7, 11, 12, 13), 400.0)


def test_nothing_is_searched_when_only_some_slices_are_asked_for(seeing_model, bright_case):
    case, scorer = bright_case(), Scorer(seeing_model)
    for options in (ScoringOptions(slices=3), ScoringOptions(only={"liver": (5,)})):
        report = scorer.score_case(case.ct, Segmentation((case.segment,)), options=options)
        assert slices(report)
        assert not searched(report)
