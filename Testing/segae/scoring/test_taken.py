"""An organ is not missing where another organ's mask lies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from segae.data import Segment, Segmentation
from segae.labels.resolver import resolve
from segae.models.quality_model import QualityModel
from segae.report.report import QualityReport
from segae.scoring.scorer import Scorer


@pytest.fixture
def searched(bright_case: Callable, seeing_model: QualityModel) -> Callable[..., QualityReport]:
    """(name, rows) -> the report of the liver's mask, which leaves out slices 2, 3, 7, 11, 12 and 13, beside
    another mask that fills these rows of the organ in slices 11 and 12."""
    case = bright_case()

    def report(name: str, rows: slice) -> QualityReport:
        other = np.zeros(case.organ.shape, bool)
        other[11:13, rows] = case.organ[11:13, rows]
        segment = Segment.from_mask(name, resolve(name).structure, other, case.ct.grid)
        return Scorer(seeing_model).score_case(case.ct, Segmentation((case.segment, segment)))

    return report


def areas(report: QualityReport) -> dict[int, float]:
    """Of the liver, where it was found, in mm2."""
    found = (row for row in report.searched if row.segment == "liver" and row.presence > 0.5)
    return {row.slice: row.organ_mm2 for row in found}


def test_slices_that_another_organs_mask_fills_are_no_find(searched):
    assert areas(searched("stomach", slice(30, 50))) == dict.fromkeys((2, 3, 7, 13), 400.0)


def test_the_part_that_is_free_still_counts(searched):
    found = areas(searched("stomach", slice(30, 40)))
    assert found.keys() == {2, 3, 7, 11, 12, 13}
    assert found[11] == found[12] == pytest.approx(200.0)


@pytest.mark.parametrize("name", ["muscles", "skin", "heart"])
def test_masks_that_hold_organs_take_nothing(searched, name: str):
    assert areas(searched(name, slice(30, 50))) == dict.fromkeys((2, 3, 7, 11, 12, 13), 400.0)


def test_scores_are_those_of_the_mask_alone(searched, bright_case, seeing_model):
    case = bright_case()
    alone = Scorer(seeing_model).score_case(case.ct, Segmentation((case.segment,)))
    beside = searched("stomach", slice(30, 50))
    assert [row for row in beside.slices if row.segment == "liver"] == list(alone.slices)
