"""Bins of predicted Dice and the image they are shown from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segae.data import Segment
from segae.errors import InputError
from segae.geometry.box import enclosing_box
from segae.geometry.grid import Grid
from SegAELib.mrml.score_bins import ScoreBins, legend
from SegAELib.mrml.score_image import CODES, ScoreImage, encode

GRID = Grid((7, 6, 5), np.eye(4))


def segment(mask: np.ndarray) -> Segment:
    return Segment.from_mask("x", None, mask, GRID)


def shown(image: ScoreImage, bins: ScoreBins | None = None) -> np.ndarray:
    """Bins on the whole grid."""
    whole, part = np.zeros(GRID.shape, np.uint8), np.zeros(image.codes.shape, np.uint8)
    image.bins(bins or ScoreBins(), part)
    whole[image.box.slices] = part
    return whole


def test_the_usual_threshold_gives_the_usual_bins():
    assert ScoreBins.from_threshold(0.7) == ScoreBins((0.5, 0.7, 0.85)) == ScoreBins()


@given(st.floats(0.001, 0.999))
def test_two_bins_lie_below_any_threshold(threshold):
    bins = ScoreBins.from_threshold(threshold)
    below, at = bins.of(np.array([np.nextafter(threshold, 0), threshold]))
    assert below == 1 and at == 2


@pytest.mark.parametrize("threshold", [0, 1, -0.2, 1.5, float("nan")])
def test_a_threshold_outside_of_0_to_1_is_refused(threshold):
    with pytest.raises(InputError, match="must lie between 0 and 1"):
        ScoreBins.from_threshold(threshold)


def test_edges_must_rise():
    with pytest.raises(InputError, match="three rising edges"):
        ScoreBins((0.5, 0.5, 0.8))


@pytest.mark.parametrize("palette", ["traffic", "safe"])
def test_the_legend_covers_0_to_1_and_poor_is_strongest(palette):
    entries = legend(ScoreBins(), palette, 0.8)
    assert [e.low for e in entries] == [0, 0.5, 0.7, 0.85] and entries[-1].high == 1
    assert [e.high for e in entries[:-1]] == [e.low for e in entries[1:]]
    assert entries[0].opacity == 0.8 and sorted((e.opacity for e in entries), reverse=True) == [
        e.opacity for e in entries
    ]
    assert len({e.colour for e in entries}) == 4 and entries[0].text == "poor 0.00-0.50"


def test_an_unknown_palette_is_refused():
    with pytest.raises(InputError, match='no palette "rainbow"; use traffic or safe'):
        legend(ScoreBins(), "rainbow")  # type: ignore[arg-type]


@given(st.floats(-0.5, 1.5), st.floats(0.01, 0.99))
def test_an_image_shows_the_bin_of_a_score_but_for_one_step_of_its_coding(score, threshold):
    bins = ScoreBins.from_threshold(threshold)
    mask = np.zeros(GRID.shape, bool)
    mask[2, 3, 4] = True
    image = ScoreImage(segment(mask).box, 0)
    image.paint("a", segment(mask), {2: score})
    (found,) = shown(image, bins)[mask] - 1
    near = bins.of(np.array([score - 1 / CODES, score, score + 1 / CODES]))
    assert near[0] <= found <= near[2]


def test_a_score_on_an_edge_is_in_the_better_bin():
    mask = np.ones(GRID.shape, bool)
    image = ScoreImage(segment(mask).box, 0)
    image.paint("a", segment(mask), {0: 0.4999, 1: 0.5, 2: 0.7, 3: 0.85, 4: 0.8499})
    assert shown(image)[:, 0, 0].tolist() == [1, 2, 3, 4, 3]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_count_along_the_axis_of_the_file(axis):
    mask = np.ones(GRID.shape, bool)
    image = ScoreImage(segment(mask).box, axis)
    image.paint("a", segment(mask), {1: 0.1, 3: 0.95})
    lines = np.moveaxis(shown(image), axis, 0)
    assert (lines[1] == 1).all() and (lines[3] == 4).all()
    assert not lines[[n for n in range(lines.shape[0]) if n not in (1, 3)]].any()


MASKS = hnp.arrays(bool, GRID.shape, elements=st.booleans())


@given(MASKS, MASKS, MASKS, st.sampled_from([0, 1, 2]))
def test_the_worst_score_shows_where_segments_overlap_also_after_a_new_score(first, second, edited, axis):
    scores = [{n: 0.1 * n + 0.05 for n in range(7)}, {n: 0.9 - 0.11 * n for n in range(7)}]
    image = ScoreImage(enclosing_box([segment(first).box]), axis)  # too small for what follows
    image.paint("a", segment(first), scores[0])
    image.paint("b", segment(second), scores[1])
    image.paint("a", segment(edited), scores[0])
    index = np.indices(GRID.shape)[axis]
    lowest = np.full(GRID.shape, np.inf)
    for mask, of_slice in ((edited, scores[0]), (second, scores[1])):
        value = np.array([of_slice[n] for n in range(7)])[index]
        lowest = np.where(mask, np.minimum(lowest, value), lowest)
    expected = np.where(np.isfinite(lowest), ScoreBins().of(lowest) + 1, 0)
    np.testing.assert_array_equal(shown(image), expected)


def test_codes_fall_as_scores_rise_and_clip():
    codes = encode(np.array([-3, 0, 0.5, 1, 9, np.nan]))
    assert codes.tolist() == [CODES + 1, CODES + 1, CODES // 2 + 1, 1, 1, 0]
