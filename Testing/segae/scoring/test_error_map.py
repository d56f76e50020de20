"""Predicted errors lie where the true ones are, whatever the axis order of the file."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from segae.data import Segment, Volume
from segae.errors import ModelError
from segae.geometry.orientation import to_orientation
from segae.scoring.error_map import locate_errors
from segae.scoring.scorer import Scorer

CODES = ["".join(code) for axes in permutations(("RL", "AP", "SI")) for code in product(*axes)]


@pytest.mark.parametrize("slice_mm", [6.0, 1.5])
def test_missing_and_extra_voxels_are_exact_in_thick_and_thin_slices(slice_mm, seeing_model, bright_case):
    case, scorer = bright_case(slice_mm), Scorer(seeing_model)
    found = locate_errors(scorer, scorer.orient(case.ct), case.segment)
    assert (found.missing.full_mask() == (case.organ & ~case.mask)).all()
    assert (found.extra.full_mask() == (case.mask & ~case.organ)).all()
    assert found.missing.structure == case.segment.structure


def test_only_the_slices_asked_for_are_looked_at(seeing_model, bright_case):
    case, scorer = bright_case(), Scorer(seeing_model)
    found = locate_errors(scorer, scorer.orient(case.ct), case.segment, slices=(5, 6))
    wanted = np.zeros_like(case.mask)
    wanted[5:7] = True
    assert (found.missing.full_mask() == (case.organ & ~case.mask & wanted)).all()
    assert (found.extra.full_mask() == (case.mask & ~case.organ & wanted)).all()


@pytest.mark.parametrize("code", CODES)
def test_errors_lie_in_the_same_place_in_every_axis_order(code: str, seeing_model, bright_case):
    case, scorer = bright_case(), Scorer(seeing_model)
    voxels, grid = to_orientation(case.ct.voxels, case.ct.grid, code)
    mask, organ = (to_orientation(array, case.ct.grid, code)[0] for array in (case.mask, case.organ))
    segment = Segment.from_mask("liver", case.segment.structure, mask, grid)
    volume = Volume(np.ascontiguousarray(voxels), grid)
    found = locate_errors(scorer, scorer.orient(volume), segment)
    assert (found.missing.full_mask() == (organ & ~mask)).all()
    assert (found.extra.full_mask() == (mask & ~organ)).all()


def test_a_window_over_the_border_marks_nothing_outside(seeing_model, bright_case):
    case, scorer = bright_case(), Scorer(seeing_model)
    shifted = np.roll(case.mask, (-26, -40), axis=(1, 2))  # into the corner
    segment = Segment.from_mask("liver", case.segment.structure, shifted, case.ct.grid)
    found = locate_errors(scorer, scorer.orient(case.ct), segment, slices=(5,))
    assert (found.extra.full_mask()[5] == shifted[5]).all()
    seen = np.zeros_like(case.organ[5])
    seen[:42, :42] = True
    assert (found.missing.full_mask()[5] == (case.organ[5] & seen)).all()


def test_a_model_that_only_scores_is_refused(small_model, bright_case):
    case, scorer = bright_case(), Scorer(small_model)
    with pytest.raises(ModelError, match="segae-dense"):
        locate_errors(scorer, scorer.orient(case.ct), case.segment)
