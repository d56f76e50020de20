"""Slices asked for are those of the file, whichever way it is stored."""

from __future__ import annotations

import pytest
from flat_rows import slices

from segae.data import Segment, Segmentation, Volume
from segae.errors import Cancelled
from segae.geometry.orientation import to_orientation
from segae.models.quality_model import QualityModel
from segae.progress import CancelToken, Watch
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer


@pytest.fixture(scope="module")
def scorer(small_model: QualityModel) -> Scorer:
    return Scorer(small_model, device="cpu")


def stored_as(code: str, ct: Volume, segment: Segment) -> tuple[Volume, Segment]:
    """The same images as a file with another axis order holds them."""
    voxels, grid = to_orientation(ct.voxels, ct.grid, code)
    mask, _ = to_orientation(segment.full_mask(), segment.grid, code)
    return Volume(voxels, grid), Segment.from_mask(segment.name, segment.structure, mask, grid)


def spleen_of(masks: Segmentation) -> Segment:
    return next(segment for segment in masks.segments if segment.name == "spleen")


@pytest.mark.parametrize("code", ["RAS", "LPI", "SAR", "AIL"])
def test_one_slice_alone_scores_as_among_all(
    scorer: Scorer, sample_ct: Volume, few_organs: Segmentation, code: str
) -> None:
    volume, spleen = stored_as(code, sample_ct, spleen_of(few_organs))
    everything = slices(scorer.score_case(volume, Segmentation((spleen,))))
    for wanted in (everything[0], everything[len(everything) // 3]):
        only = ScoringOptions(only={"spleen": [wanted.slice]})
        (row,) = slices(scorer.score_case(volume, Segmentation((spleen,)), options=only))
        assert (row.slice, row.x, row.y, row.z, row.area_mm2) == (
            wanted.slice,
            wanted.x,
            wanted.y,
            wanted.z,
            wanted.area_mm2,
        )
        assert row.raw_score == pytest.approx(wanted.raw_score, abs=1e-5)


def test_a_segment_that_is_not_named_and_a_slice_without_mask_give_nothing(
    scorer: Scorer, sample_ct: Volume, few_organs: Segmentation
) -> None:
    options = ScoringOptions(only={"spleen": [100000]})
    report = scorer.score_case(sample_ct, few_organs, options=options)
    assert slices(report) == ()
    assert {extent.segment for extent in report.segments} == {segment.name for segment in few_organs.segments}


def test_a_case_may_be_followed_batch_by_batch_and_stopped(
    scorer: Scorer, sample_ct: Volume, few_organs: Segmentation
) -> None:
    token = CancelToken()
    checked = scorer.check(sample_ct, few_organs, ScoringOptions())
    parts = scorer.stream_checked(sample_ct, few_organs, checked, watch=Watch(cancel=token))
    assert sum(map(len, next(parts).values())) == scorer.batch_size
    token.cancel()
    with pytest.raises(Cancelled):
        next(parts)
