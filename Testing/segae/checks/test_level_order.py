"""Levels of the spine and of the ribs."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segae.checks.level_order import best_ascending, ordered_levels, top_mm
from segae.data import Segment
from segae.geometry.grid import Grid
from segae.geometry.orientation import to_orientation
from segae.labels import resolve


def row(name: str):
    return resolve(name).structure


def vertebra(name: str, z: int, depth: int = 100) -> Segment:
    grid = Grid((20, 20, depth), np.diag([1.0, 1.0, 3.0, 1.0]))
    mask = np.zeros(grid.shape, bool)
    mask[z : z + 6, 8:12, 8:12] = True
    return Segment.from_mask(name, row(name), mask, grid)


@given(arrays(float, st.tuples(st.integers(1, 4), st.integers(4, 6)), elements=st.floats(0, 1)))
def test_the_choice_is_the_best_of_all_ascending_ones(scores: np.ndarray):
    chosen = best_ascending(scores)
    assert chosen == sorted(set(chosen))
    rows = range(len(scores))
    ascending = combinations(range(scores.shape[1]), len(scores))
    best = max(scores[rows, list(columns)].sum() for columns in ascending)
    assert scores[rows, chosen].sum() == pytest.approx(best)


def test_without_a_possible_choice_there_is_none():
    scores = np.full((2, 5), -np.inf)
    scores[0, 3] = scores[1, 1] = 1.0
    assert best_ascending(scores) == []
    assert best_ascending(np.zeros((3, 2))) == []
    assert best_ascending(np.zeros((0, 5))) == []


def test_two_names_in_the_wrong_order_are_swapped():
    segments = [vertebra("T7", 40), vertebra("T5", 50), vertebra("T6", 60)]
    same = {row(name): 0.6 for name in ("T4", "T5", "T6", "T7", "T8")}
    levels = ordered_levels(segments, dict.fromkeys(("T5", "T6", "T7"), same))
    assert [levels[name] for name in ("T6", "T5", "T7")] == [row("T5"), row("T6"), row("T7")]


def test_a_level_that_is_there_twice_is_counted_once():
    upper, lower = replace(vertebra("T6", 60), name="upper"), replace(vertebra("T6", 50), name="lower")
    scores = {
        "upper": {row("T5"): 0.7, row("T6"): 0.5, row("T7"): 0.1},
        "lower": {row("T5"): 0.4, row("T6"): 0.6, row("T7"): 0.5},
    }
    assert ordered_levels([lower, upper], scores) == {"upper": row("T5"), "lower": row("T6")}


def test_names_in_order_stay_when_scores_hardly_differ():
    segments = [vertebra(name, 80 - 10 * n) for n, name in enumerate(("T4", "T5", "T6"))]
    scores = {
        "T4": {row("T4"): 0.60, row("T5"): 0.66},
        "T5": {row("T5"): 0.60, row("T6"): 0.66},
        "T6": {row("T6"): 0.60, row("T7"): 0.66},
    }
    assert ordered_levels(segments, scores) == {name: row(name) for name in scores}


def test_a_spine_that_is_off_by_one_throughout_is_moved_when_all_scores_say_so():
    segments = [vertebra(name, 80 - 10 * n) for n, name in enumerate(("T4", "T5", "T6"))]
    scores = {
        "T4": {row("T4"): 0.4, row("T5"): 0.8},
        "T5": {row("T5"): 0.4, row("T6"): 0.8},
        "T6": {row("T6"): 0.4, row("T7"): 0.8},
    }
    assert ordered_levels(segments, scores) == {"T4": row("T5"), "T5": row("T6"), "T6": row("T7")}


def test_real_vertebrae_lie_in_the_order_of_their_names(sample_segmentation):
    spine = [s for s in sample_segmentation.segments if s.name.startswith("vertebrae_") and not s.is_empty]
    spine.sort(key=top_mm, reverse=True)
    assert [s.name[10:] for s in spine] == ["T11", "T12", "L1", "L2"]


@pytest.mark.parametrize("code", ["LAS", "SPR", "ILA"])
def test_height_does_not_depend_on_the_axis_order_of_the_file(sample_segmentation, code: str):
    for segment in sample_segmentation.segments:
        if segment.name in ("liver", "rib_left_12", "vertebrae_T12"):
            mask, grid = to_orientation(segment.full_mask(), segment.grid, code)
            turned = Segment.from_mask(segment.name, segment.structure, mask, grid)
            assert top_mm(turned) == pytest.approx(top_mm(segment), abs=1e-3)


def test_ribs_without_their_head_have_no_say_but_vertebrae_do(sample_segmentation):
    segments = [s for s in sample_segmentation.segments if s.structure and not s.is_empty]
    levels = ordered_levels(segments, {s.name: {s.structure: 0.9} for s in segments if s.structure})
    assert {name for name in levels if "rib" in name} == {"rib_left_12", "rib_right_12"}
    assert {name for name in levels if "vertebrae" in name} == {
        f"vertebrae_{level}" for level in ("T11", "T12", "L1", "L2")
    }
