"""One volume, stored in any of the 48 axis orders, gets the same scores at the same places."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from flat_rows import slices

from segae.data import Segment, Segmentation, Volume
from segae.geometry.grid import Grid
from segae.geometry.orientation import axial_axis, axis_codes, to_orientation
from segae.models.quality_model import QualityModel
from segae.scoring.scorer import Scorer

CODES = ["".join(code) for axes in permutations(("RL", "AP", "SI")) for code in product(*axes)]
Case = tuple[Volume, Segmentation]


def _crop(volume: Volume, segmentation: Segmentation) -> Case:
    """Three slices with the left kidney, the spleen and a vertebra."""
    box = (slice(8, 11), slice(20, 85), slice(20, 100))
    affine = volume.grid.affine.copy()
    affine[:3, 3] = volume.grid.world(np.array([box[2].start, box[1].start, box[0].start]))
    voxels = volume.voxels[box]
    grid = Grid((voxels.shape[2], voxels.shape[1], voxels.shape[0]), affine)
    segments = tuple(
        Segment.from_mask(segment.name, segment.structure, segment.full_mask()[box], grid)
        for segment in segmentation.segments
    )
    return Volume(voxels, grid), Segmentation(tuple(s for s in segments if not s.is_empty))


def _stored(case: Case, code: str) -> Case:
    """The same case as a file in the axis order `code` would hold it."""
    volume, segmentation = case
    voxels, grid = to_orientation(volume.voxels, volume.grid, code)
    segments = [
        Segment.from_mask(s.name, s.structure, to_orientation(s.full_mask(), volume.grid, code)[0], grid)
        for s in segmentation.segments
    ]
    return Volume(np.ascontiguousarray(voxels), grid), Segmentation(tuple(segments))


@pytest.fixture(scope="module")
def case(sample_ct: Volume, few_organs: Segmentation) -> Case:
    return _crop(sample_ct, few_organs)


@pytest.fixture(scope="module")
def scorer(small_model: QualityModel) -> Scorer:
    assert small_model.spec.input.orientation == "LAS"
    return Scorer(small_model, device="cpu")


@pytest.fixture(scope="module")
def reference(scorer: Scorer, case: Case) -> dict[tuple[str, float], tuple[float, ...]]:
    """By segment and height in the patient: score, x, y and area."""
    rows = slices(scorer.score_case(*_stored(case, "LAS")))
    return {(row.segment, round(row.z, 3)): (row.raw_score, row.x, row.y, row.area_mm2) for row in rows}


def test_the_scores_of_the_reference_differ_from_slice_to_slice(
    reference: dict[tuple[str, float], tuple[float, ...]],
) -> None:
    scores = sorted(score for score, *_ in reference.values())
    assert min(np.diff(scores)) > 1e-4


@pytest.mark.parametrize("code", CODES)
def test_scores_and_places_are_the_same_in_every_axis_order(
    code: str, case: Case, scorer: Scorer, reference: dict[tuple[str, float], tuple[float, ...]]
) -> None:
    volume, segmentation = _stored(case, code)
    assert axis_codes(volume.grid) == code
    report = scorer.score_case(volume, segmentation)
    rows = {
        (row.segment, round(row.z, 3)): (row.raw_score, row.x, row.y, row.area_mm2) for row in slices(report)
    }
    assert rows.keys() == reference.keys()
    assert len(rows) == len(slices(report))
    for key, values in rows.items():
        assert values == pytest.approx(reference[key], abs=1e-5)

    # The slice index counts along the file's own axial axis.
    axis = axial_axis(volume.grid)
    assert report.slice_axis == "kji"[axis]
    masks = {segment.name: segment.full_mask() for segment in segmentation.segments}
    for row in slices(report):
        ijk = np.zeros(3)
        ijk[2 - axis] = row.slice
        assert volume.grid.world(ijk)[2] == pytest.approx(row.z, abs=1e-6)
        area = masks[row.segment].take(row.slice, axis).sum() * case[0].grid.spacing[:2].prod()
        assert row.area_mm2 == pytest.approx(area)


def test_another_orientation_of_the_network_gives_other_scores(
    case: Case, small_model: QualityModel, reference: dict[tuple[str, float], tuple[float, ...]]
) -> None:
    spec = replace(small_model.spec, input=replace(small_model.spec.input, orientation="RAS"))
    flipped = QualityModel(spec, small_model.network, small_model.text_vectors)
    rows = slices(Scorer(flipped, device="cpu").score_case(*case))
    assert max(abs(row.raw_score - reference[row.segment, round(row.z, 3)][0]) for row in rows) > 0.01
