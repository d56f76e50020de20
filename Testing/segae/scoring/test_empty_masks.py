"""An organ whose mask is empty is looked for in the whole body."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from flat_rows import searched, slices

from segae.data import Segment, Segmentation, Volume
from segae.errors import InputError, ModelError
from segae.inputs.prepare import empty_count, prepare_empty
from segae.inputs.spec import InputSpec
from segae.inputs.stack import CTStack
from segae.labels.resolver import resolve
from segae.models.quality_model import QualityModel
from segae.scoring.error_map import locate_errors
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer


def empty(name: str, grid) -> Segment:
    shape = (grid.size[2], grid.size[1], grid.size[0])
    return Segment.from_mask(name, resolve(name).structure, np.zeros(shape, bool), grid)


def beside(volume: Volume) -> Segment:
    """A mask with voxels, without which a case is refused."""
    mask = np.zeros(volume.voxels.shape, bool)
    mask[3, 10:20, 10:20] = True
    return Segment.from_mask("aorta", resolve("aorta").structure, mask, volume.grid)


@pytest.fixture
def body_case(bright_case) -> Volume:
    """The bright square in a body of fat, 80 mm wide."""
    case = bright_case()
    voxels = np.full(case.ct.voxels.shape, -1000, np.int16)
    voxels[:, 8:88, 8:88] = -100
    voxels[case.organ] = 200
    # Values as a scanner gives them: many voxels of one highest value are a range that was clipped.
    noise = np.random.default_rng(0).normal(0, 3, voxels.shape).astype(np.int16)
    return Volume(voxels + noise, case.ct.grid)


def test_crops_hold_the_whole_body_and_are_square_in_the_patient(sample_ct: Volume):
    stack = CTStack.of(sample_ct, InputSpec(position_features=True))
    assert stack.body is not None
    slices = np.array([0, 12, 29])
    crops = stack.body_crops(slices)
    side = crops.length * torch.tensor(stack.spacing[1:])
    assert torch.allclose(side[:, 0], side[:, 1])
    box = stack.body.box[torch.from_numpy(slices)].float()
    assert (crops.start <= box[:, [0, 2]] + 1e-3).all()
    assert (crops.start + crops.length >= box[:, [1, 3]] + 1 - 1e-3).all()


def test_slices_are_spread_over_the_scan_without_mask(body_case: Volume, seeing_model: QualityModel):
    spec = seeing_model.spec.input
    stack = CTStack.of(body_case, spec)
    parts = list(prepare_empty(stack, empty("liver", body_case.grid), spec))
    assert sum(len(part) for part in parts) == empty_count(stack) == 8
    assert [k for part in parts for k in part.slices] == list(range(1, 16, 2))
    for part in parts:
        assert part.input.images[:, -1].unique().tolist() == [-spec.mask_mean / spec.mask_std]
        assert part.searched_mm.tolist() == [12.0] * len(part)
        assert not part.areas_mm2.any()


def test_the_organ_is_found_where_it_is(body_case: Volume, seeing_model: QualityModel):
    segments = Segmentation((beside(body_case), empty("liver", body_case.grid)))
    report = Scorer(seeing_model).score_case(body_case, segments)
    liver = [row for row in searched(report) if row.segment == "liver"]
    assert {row.segment for row in slices(report)} == {"aorta"}
    found = {row.slice for row in liver if row.presence > 0.5}
    assert found == {3, 5, 7, 9, 11, 13}
    volume = sum(row.organ_mm2 * row.thickness_mm for row in liver)
    assert volume == pytest.approx(12 * 400 * 6, rel=0.1)
    (verdict,) = (one for one in report.segments if one.segment == "liver")
    assert verdict.verdict == "empty but present"
    assert set(verdict.missing_slices) == found


def test_a_segmentation_that_is_empty_altogether_is_searched_too(body_case, seeing_model):
    report = Scorer(seeing_model).score_case(body_case, Segmentation((empty("liver", body_case.grid),)))
    assert not slices(report)
    assert [(one.segment, one.verdict) for one in report.segments] == [("liver", "empty but present")]
    blind = replace(seeing_model.spec, outputs=())
    model = QualityModel(blind, seeing_model.network, seeing_model.text_vectors)
    with pytest.raises(InputError, match=r'Every mask in ".*" is empty'):
        Scorer(model).score_case(body_case, Segmentation((empty("liver", body_case.grid),)))


def test_of_an_empty_mask_the_whole_organ_is_missing(body_case, seeing_model):
    scorer, nothing = Scorer(seeing_model), empty("liver", body_case.grid)
    found = locate_errors(scorer, scorer.orient(body_case), nothing)
    organ = body_case.voxels > 100
    assert (found.missing.full_mask() & organ).sum() > 0.9 * organ.sum()
    assert (found.missing.full_mask() & ~organ).sum() < 0.1 * organ.sum()
    assert found.extra.is_empty
    shown = replace(seeing_model.spec.input, position_features=False)
    spec = replace(seeing_model.spec, input=shown)
    blind = Scorer(QualityModel(spec, seeing_model.network, seeing_model.text_vectors))
    with pytest.raises(ModelError, match="cannot look for an organ without a mask"):
        locate_errors(blind, blind.orient(body_case), nothing)


def test_an_organ_that_is_not_there_is_absent(body_case: Volume, seeing_model: QualityModel):
    nothing = Volume(np.minimum(body_case.voxels, -50), body_case.grid)
    segments = Segmentation((beside(nothing), empty("liver", nothing.grid)))
    report = Scorer(seeing_model).score_case(nothing, segments)
    assert {row.presence for row in searched(report) if row.segment == "liver"} == {0.0}
    assert {one.segment: one.verdict for one in report.segments}["liver"] == "absent"


def test_names_never_trained_and_single_slices_are_not_looked_for(body_case, seeing_model):
    empties = (empty("liver", body_case.grid), empty("spleen", body_case.grid))
    segments = Segmentation((beside(body_case), *empties))
    spleen = resolve("spleen").structure.index
    spec = replace(seeing_model.spec, trained_labels=(spleen,))
    model = QualityModel(spec, seeing_model.network, seeing_model.text_vectors)
    report = Scorer(model).score_case(body_case, segments)
    assert {row.segment for row in searched(report)} - {"aorta"} == {"spleen"}
    only = Scorer(seeing_model).score_case(body_case, segments, options=ScoringOptions(slices=2))
    assert not searched(only)
    assert {row.segment for row in slices(only)} == {"aorta"}
