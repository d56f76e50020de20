"""The model file that ships with SegAE, on the sample that ships with it.

It has learned from this patient, so these tests say that it works, not how well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from flat_rows import slices

from segae.data import Segment, Segmentation, Volume
from segae.labels.resolver import resolve
from segae.models.quality_model import QualityModel
from segae.models.registry import find_model
from segae.results.types import CaseReport
from segae.scoring.error_map import locate_errors
from segae.scoring.scorer import Scorer
from segae_trainer.data.synthetic_errors import shift


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(QualityModel.load("bundled"), device="cpu")


@pytest.fixture(scope="module")
def organs(sample_segmentation: Segmentation) -> dict[str, Segment]:
    return {segment.name: segment for segment in sample_segmentation.segments}


def changed(segment: Segment, mask: np.ndarray) -> Segment:
    return Segment.from_mask(segment.name, segment.structure, mask, segment.grid)


def score(scorer: Scorer, ct: Volume, segments: Sequence[Segment]) -> CaseReport:
    return scorer.score_case(ct, Segmentation(tuple(segments)))


def mean(report: CaseReport) -> float:
    return float(np.mean([row.raw_score for row in slices(report)]))


def test_it_is_small_and_says_what_it_is(scorer):
    spec = scorer.model.spec
    assert find_model("bundled").stat().st_size < 12_000_000
    assert (spec.name, spec.architecture, spec.licence) == ("segae-starter", "segae-dense", "Apache-2.0")
    assert len(spec.limits) >= 5
    assert {"fold-A", "fold-B", "fold-C", "final"} <= set(spec.figures)
    assert {"slice", "organ"} <= set(spec.intervals)
    assert spec.typical


def test_it_knows_which_names_it_was_trained_on(scorer):
    for name in ("liver", "costa 1 left", "hip right", "pulmonary artery", "aorta", "bladder"):
        assert scorer.model.trained_on(resolve(name).structure)
    for name in ("brain", "rectum", "fat"):
        assert not scorer.model.trained_on(resolve(name).structure)


def test_a_good_liver_beats_a_shifted_one_and_one_beside_it(scorer, sample_ct, organs):
    liver = organs["liver"]
    good = mean(score(scorer, sample_ct, [liver]))
    mask = liver.full_mask()
    shifted = changed(liver, np.stack([shift(one, 12, 0) for one in mask]))
    outside = changed(liver, np.stack([shift(one, 0, 60) for one in mask]))
    assert good > 0.75
    assert good > mean(score(scorer, sample_ct, [shifted])) + 0.1
    assert good > mean(score(scorer, sample_ct, [outside])) + 0.3


def test_the_same_mask_under_another_name_scores_low(scorer, sample_ct, organs):
    good = mean(score(scorer, sample_ct, [organs["liver"]]))
    for name in ("spleen", "heart", "kidney_left"):
        misnamed = replace(organs["liver"], structure=resolve(name).structure)
        assert mean(score(scorer, sample_ct, [misnamed])) < good - 0.3


def test_a_liver_without_its_upper_half_misses_parts_above(scorer, sample_ct, organs):
    liver = organs["liver"]
    mask = liver.full_mask()
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    middle = filled[len(filled) // 2]
    mask[middle:] = False
    report = score(scorer, sample_ct, [changed(liver, mask)])
    (verdict,) = report.segments
    assert verdict.verdict == "missing parts"
    assert set(verdict.missing_slices) & set(range(middle, filled[-1]))
    (whole,) = score(scorer, sample_ct, [liver]).segments
    assert (verdict.raw_dice or 0) < (whole.raw_dice or 0)


def test_an_empty_muscle_of_the_back_is_found_to_be_there(scorer, sample_ct, organs):
    muscle = organs["autochthon_left"]
    empty = changed(muscle, np.zeros(sample_ct.grid.shape, bool))
    report = score(scorer, sample_ct, [organs["spleen"], empty])
    verdicts = {one.segment: one.verdict for one in report.segments}
    assert verdicts[muscle.name] == "empty but present"


def test_it_shows_the_hole_in_a_liver(scorer, sample_ct, organs):
    liver = organs["liver"]
    mask = liver.full_mask()
    k = int(mask.sum(axis=(1, 2)).argmax())
    rows, columns = np.nonzero(mask[k])
    hole = np.zeros_like(mask)
    hole[k, int(rows.mean()) - 8 : int(rows.mean()) + 8, int(np.median(columns)) - 8 :][:, :16] = True
    hole &= mask
    errors = locate_errors(scorer, scorer.orient(sample_ct), changed(liver, mask & ~hole))
    assert errors.missing.full_mask()[hole].mean() > 0.5
