"""An organ is not missing where another organ's mask lies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from flat_rows import searched, slices

from segae.data import Segment, Segmentation
from segae.labels.resolver import resolve
from segae.models.quality_model import QualityModel
from segae.results.types import CaseReport
from segae.scoring.scorer import Scorer


@pytest.fixture
def report_beside(bright_case: Callable, seeing_model: QualityModel) -> Callable[..., CaseReport]:
    """(name, rows) -> the report of the liver's mask, which leaves out slices 2, 3, 7, 11, 12 and 13, beside
    another mask that fills these rows of the organ in slices 11 and 12."""
    case = bright_case()

    def report(name: str, rows: slice) -> CaseReport:
        other = np.zeros(case.organ.shape, bool)
        other[11:13, rows] = case.organ[11:13, rows]
        segment = Segment.from_mask(name, resolve(name).structure, other, case.ct.grid)
        return Scorer(seeing_model).score_case(case.ct, Segmentation((case.segment, segment)))

    return report


def found(report: CaseReport) -> set[int]:
    """The slices in which the liver was found."""
    return {row.slice for row in searched(report) if row.segment == "liver" and row.presence > 0.5}


def test_slices_that_another_organs_mask_fills_are_no_find(report_beside):
    assert found(report_beside("stomach", slice(30, 50))) == {2, 3, 7, 13}


def test_the_part_that_is_free_still_counts(report_beside):
    assert found(report_beside("stomach", slice(30, 40))) == {2, 3, 7, 11, 12, 13}


def test_the_area_of_the_organ_is_the_whole_one(report_beside):
    report = report_beside("stomach", slice(30, 50))
    assert {
        row.organ_mm2 for row in searched(report) if row.segment == "liver" and row.slice in (11, 12)
    } == {400.0}


@pytest.mark.parametrize("name", ["muscles", "skin", "heart"])
def test_masks_that_hold_organs_take_nothing(report_beside, name: str):
    assert found(report_beside(name, slice(30, 50))) == {2, 3, 7, 11, 12, 13}


def test_scores_are_those_of_the_mask_alone(report_beside, bright_case, seeing_model):
    case = bright_case()
    alone = Scorer(seeing_model).score_case(case.ct, Segmentation((case.segment,)))
    beside = report_beside("stomach", slice(30, 50))
    assert [row for row in slices(beside) if row.segment == "liver"] == list(slices(alone))
