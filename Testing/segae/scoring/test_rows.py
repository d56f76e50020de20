"""What becomes of a network's answers: areas in mm2, calibrated scores, intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flat_rows import searched, slices

from segae.data import Segmentation
from segae.models.quality_model import QualityModel
from segae.scoring.scorer import Scorer

CURVES = {
    "edges": [300.0],
    "knots": [0.0, 1.0],
    "calibrated": [0.1, 0.9],
    "groups": {"": {"low": [0.0, 0.8], "high": [0.2, 1.0]}, "1": {"low": [0.0, 0.7], "high": [0.3, 1.0]}},
}


def test_areas_are_those_of_the_patient(seeing_model, bright_case):
    case = bright_case()
    report = Scorer(seeing_model).score_case(case.ct, Segmentation((case.segment,)))
    for row in slices(report):
        mask, organ = case.mask[row.slice], case.organ[row.slice]
        assert row.area_mm2 == mask.sum()
        assert row.overlap_mm2 == pytest.approx((mask & organ).sum())
        assert row.organ_mm2 == pytest.approx(organ.sum())
        assert row.raw_score == pytest.approx(2 * (mask & organ).sum() / (mask.sum() + organ.sum()))
    for row in searched(report):
        assert row.organ_mm2 == pytest.approx(case.organ[row.slice].sum())
        assert row.presence == float(case.organ[row.slice].any())
        assert row.thickness_mm == 6
        assert (row.x, row.y, row.z) == pytest.approx((-49.5, 35.5, 6 * row.slice))


def test_scores_are_calibrated_and_get_the_interval_of_their_group(seeing_model, bright_case):
    case = bright_case()
    spec = replace(seeing_model.spec, intervals={"confidence": 0.9, "slice": CURVES})
    calibrated = QualityModel(spec, seeing_model.network, seeing_model.text_vectors)
    segments = Segmentation((case.segment,))
    raw, shown = (Scorer(model).score_case(case.ct, segments) for model in (seeing_model, calibrated))
    for one, other in zip(slices(raw), slices(shown), strict=True):
        assert one.interval_low is None
        assert other.raw_score == pytest.approx(one.raw_score)
        assert other.predicted_dice == pytest.approx(0.1 + 0.8 * one.raw_score, abs=1e-6)
        assert other.interval_low == pytest.approx(0.7 * one.raw_score, abs=1e-6)  # 400 mm2: the larger masks
        assert other.interval_high == pytest.approx(0.3 + 0.7 * one.raw_score, abs=1e-6)
    assert [row.organ_mm2 for row in searched(raw)] == [row.organ_mm2 for row in searched(shown)]


def test_a_network_that_only_scores_gives_no_areas(small_model, few_organs, sample_ct):
    report = Scorer(small_model).score_case(sample_ct, few_organs)
    assert not searched(report)
    assert {(row.overlap_mm2, row.organ_mm2, row.interval_low) for row in slices(report)} == {(None,) * 3}
    assert np.isfinite([row.raw_score for row in slices(report)]).all()
