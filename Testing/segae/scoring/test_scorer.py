"""Scoring whole cases: which slices, in which batches, what is reported, and how it is stopped."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from flat_rows import slices
from torch import Tensor, nn

import segae
from segae.batch.runner import run_batch
from segae.data import Segment, Segmentation, Volume
from segae.errors import Cancelled, InputError, ModelError
from segae.io.layouts import find_cases
from segae.labels.resolver import resolve
from segae.models.output import ModelOutput
from segae.models.quality_model import QualityModel
from segae.progress import CancelToken, Step, Watch
from segae.scoring.name_check import name_check
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer

Cases = Callable[..., tuple[Volume, Segmentation]]


@pytest.fixture
def scorer(small_model: QualityModel) -> Scorer:
    return Scorer(small_model, device="cpu")


def test_every_slice_of_every_structure_is_scored_in_order(
    scorer: Scorer, sample_ct: Volume, few_organs: Segmentation
) -> None:
    report = scorer.score_case(sample_ct, few_organs, case="s0001")
    expected = [
        (segment.name, segment.box[0].start + k)
        for segment in few_organs.segments
        for k, plane in enumerate(segment.voxels())
        if plane.any()
    ]
    assert [(row.segment, row.slice) for row in slices(report)] == expected
    assert report.case == "s0001"
    assert report.slice_axis == "k"
    assert report.model == scorer.model.identity
    assert report.timings["total"] >= report.timings["network"] > 0


def test_area_and_position_are_those_of_the_mask_in_the_slice(
    scorer: Scorer, sample_ct: Volume, few_organs: Segmentation
) -> None:
    masks = {segment.name: segment.full_mask() for segment in few_organs.segments}
    pixel = float(sample_ct.grid.spacing[0] * sample_ct.grid.spacing[1])
    for row in slices(scorer.score_case(sample_ct, few_organs)):
        j, i = np.nonzero(masks[row.segment][row.slice])
        middle = np.array([(i.min() + i.max()) / 2, (j.min() + j.max()) / 2, row.slice])
        assert (row.x, row.y, row.z) == pytest.approx(sample_ct.grid.world(middle), abs=1e-3)
        assert row.area_mm2 == pytest.approx(j.size * pixel)


@pytest.mark.parametrize("batch_size", [1, 7, 32, 1000])
def test_the_batch_size_changes_neither_order_nor_values(
    batch_size: int, small_model: QualityModel, sample_ct: Volume, few_organs: Segmentation
) -> None:
    expected = slices(Scorer(small_model, device="cpu", batch_size=5).score_case(sample_ct, few_organs))
    rows = slices(Scorer(small_model, device="cpu", batch_size=batch_size).score_case(sample_ct, few_organs))
    nothing = {"raw_score": 0.0, "predicted_dice": 0.0}
    assert [replace(row, **nothing) for row in rows] == [replace(row, **nothing) for row in expected]
    assert [row.raw_score for row in rows] == pytest.approx([row.raw_score for row in expected], abs=1e-5)


@pytest.mark.parametrize("batch_size", [1, 8, 16, 71, 100])
def test_structures_share_full_batches(
    batch_size: int, small_model: QualityModel, sample_ct: Volume, few_organs: Segmentation
) -> None:
    scorer = Scorer(small_model, device="cpu", batch_size=batch_size)
    sizes = [
        sum(map(len, part.values())) for part in scorer.stream(scorer.orient(sample_ct), few_organs.segments)
    ]
    assert sum(sizes) == 30 + 23 + 18
    assert set(sizes[:-1]) <= {batch_size}
    assert 0 < sizes[-1] <= batch_size


def test_progress_rises_step_by_step_to_the_total(
    small_model: QualityModel, sample_ct: Volume, few_organs: Segmentation
) -> None:
    steps: list[Step] = []
    segae.score(sample_ct, few_organs, model=small_model, device="cpu", batch_size=10, progress=steps.append)
    scoring = [step for step in steps if step.stage == "scoring"]
    assert [step.done for step in scoring] == [0, 10, 20, 30, 40, 50, 60, 70, 71]
    assert {step.total for step in scoring} == {71}
    assert {step.stage for step in steps} == {"reading", "scoring"}


def test_a_cancelled_run_stops_within_a_batch(
    small_model: QualityModel, sample_ct: Volume, few_organs: Segmentation
) -> None:
    token, steps = CancelToken(), []

    def stop_at_twenty(step: Step) -> None:
        steps.append(step)
        if step.stage == "scoring" and step.done >= 20:
            token.cancel()

    with pytest.raises(Cancelled):
        segae.score(
            sample_ct, few_organs, model=small_model, device="cpu", batch_size=10,
            progress=stop_at_twenty, cancel=token,
        )  # fmt: skip
    assert steps[-1].done == 20


def test_what_came_before_a_cancel_is_kept(
    small_model: QualityModel, sample_ct: Volume, few_organs: Segmentation
) -> None:
    token, rows = CancelToken(), []
    scorer = Scorer(small_model, device="cpu", batch_size=10)
    stream = scorer.stream(scorer.orient(sample_ct), few_organs.segments, watch=Watch(cancel=token))
    rows += chain(*next(stream).values())
    token.cancel()
    with pytest.raises(Cancelled):
        next(stream)
    assert len(rows) == 10


def test_only_the_slices_asked_for_are_scored(
    scorer: Scorer, sample_ct: Volume, few_organs: Segmentation
) -> None:
    whole = {(row.segment, row.slice): row for row in slices(scorer.score_case(sample_ct, few_organs))}
    kidney = next(s for s in few_organs.segments if s.name == "kidney_left")
    first = kidney.box[0].start
    options = ScoringOptions(only={"kidney_left": {first + 3, first, 999}})
    report = scorer.score_case(sample_ct, few_organs, options=options)
    assert [(row.segment, row.slice) for row in slices(report)] == [
        ("kidney_left", first), ("kidney_left", first + 3)
    ]  # fmt: skip
    for row in slices(report):
        assert row.raw_score == pytest.approx(whole[row.segment, row.slice].raw_score, abs=1e-5)


@pytest.mark.parametrize("slices", [0, -3])
def test_a_number_of_slices_below_one_is_refused(
    slices: int, small_model: QualityModel, sample_ct: Volume, few_organs: Segmentation
) -> None:
    with pytest.raises(InputError, match=r"slices cannot be scored.*\.$"):
        segae.score(sample_ct, few_organs, model=small_model, slices=slices)


def _forgetting(model: QualityModel, *rows: int) -> QualityModel:
    vectors = model.text_vectors.clone()
    vectors[list(rows)] = float("nan")
    return QualityModel(model.spec, model.network, vectors, model.sha256)


def test_a_name_that_the_model_lacks_is_found_and_the_others_are_scored(
    small_model: QualityModel, sample_ct: Volume, few_organs: Segmentation
) -> None:
    report = segae.score(sample_ct, few_organs, model=_forgetting(small_model, 26), device="cpu")
    (finding,) = [finding for finding in report.findings if finding.code == "NAME_NOT_IN_MODEL"]
    assert (finding.segments, finding.severity) == (("spleen",), "warning")
    assert {row.segment for row in slices(report)} == {"kidney_left", "vertebrae_L1"}
    assert [segment.segment for segment in report.unscored] == ["spleen"]


def test_a_model_that_knows_none_of_the_names_is_an_error(
    small_model: QualityModel, sample_ct: Volume, few_organs: Segmentation
) -> None:
    spleen = replace(few_organs, segments=tuple(s for s in few_organs.segments if s.name == "spleen"))
    with pytest.raises(InputError, match=r'no vector for "spleen".*\.$'):
        segae.score(sample_ct, spleen, model=_forgetting(small_model, 26), device="cpu")


def test_the_published_map_sends_the_bladder_elsewhere_and_lists_it_once(
    scorer: Scorer, make_case: Cases
) -> None:
    mask = np.zeros((3, 40, 40), bool)
    mask[1, 10:20, 10:20] = True
    ct, segmentation = make_case(mask, "urinary_bladder")
    (plain,) = scorer.score_case(ct, segmentation).segments
    report = scorer.score_case(ct, segmentation, options=ScoringOptions(published_map=True))
    (mapped,) = report.segments
    assert (plain.structure_index, mapped.structure_index) == (17, 19)
    assert mapped.n_slices == 1
    assert {row.structure_index for row in slices(report)} == {19}


@pytest.mark.parametrize("fixture", ["small_model", "context_model"])
@pytest.mark.parametrize(
    ("shape", "voxels"),
    [
        ((1, 40, 50), np.s_[0, 5:20, 5:30]),  # one slice
        ((3, 40, 50), np.s_[:, 0:10, 0:12]),  # first corner
        ((3, 40, 50), np.s_[:, 30:40, 45:50]),  # last corner
        ((3, 40, 50), np.s_[1, 20, 7:10]),  # three pixels
        ((3, 40, 50), np.s_[2, 39, 49]),  # one pixel in the last corner
        ((2, 40, 50), np.s_[:, :, :]),  # everything
        ((2, 1, 50), np.s_[:, :, 3:9]),  # one row
        ((2, 300, 200), np.s_[0, 2:298, 5:8]),  # long and thin
    ],
)
def test_odd_masks_get_finite_scores(
    fixture: str,
    shape: tuple[int, int, int],
    voxels: tuple[int | slice, ...],
    make_case: Cases,
    request: pytest.FixtureRequest,
) -> None:
    mask = np.zeros(shape, bool)
    mask[voxels] = True
    ct, segmentation = make_case(mask)
    report = segae.score(ct, segmentation, model=request.getfixturevalue(fixture), device="cpu")
    assert [row.slice for row in slices(report)] == np.flatnonzero(mask.any(axis=(1, 2))).tolist()
    assert np.isfinite([row.raw_score for row in slices(report)]).all()


def test_pixel_size_reaches_a_crop_in_millimetres(context_model: QualityModel, make_case: Cases) -> None:
    mask = np.zeros((1, 90, 90), bool)
    mask[0, 40:50, 40:60] = True
    scores = []
    for spacing in ((1.0, 1.0, 1.0), (1.0, 2.5, 1.0)):
        ct, segmentation = make_case(mask, spacing=spacing)
        scores += [row.raw_score for row in slices(segae.score(ct, segmentation, model=context_model))]
    assert abs(scores[0] - scores[1]) > 1e-3


def test_only_the_neighbourhood_of_a_mask_decides_its_score(
    small_model: QualityModel, make_case: Cases
) -> None:
    mask = np.zeros((2, 200, 220), bool)
    mask[:, 90:110, 80:95] = True
    ct, segmentation = make_case(mask)
    elsewhere = ct.voxels.copy()
    elsewhere[:, 140:] = 900
    reports = [
        segae.score(replace(ct, voxels=voxels), segmentation, model=small_model, device="cpu")
        for voxels in (ct.voxels, elsewhere)
    ]
    first, second = ([row.raw_score for row in slices(report)] for report in reports)
    assert first == pytest.approx(second, abs=1e-6)


def test_without_intervals_the_row_says_nothing(
    scorer: Scorer, sample_ct: Volume, few_organs: Segmentation
) -> None:
    assert {row.interval_low for row in slices(scorer.score_case(sample_ct, few_organs))} == {None}


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.int64, np.float64, ">i2"])
def test_the_number_type_of_the_ct_does_not_matter(
    kind: np.typing.DTypeLike, scorer: Scorer, make_case: Cases
) -> None:
    mask = np.zeros((2, 50, 50), bool)
    mask[:, 10:30, 10:30] = True
    ct, segmentation = make_case(mask)
    voxels = ct.voxels.clip(0, 255)
    oriented = [scorer.orient(replace(ct, voxels=v)) for v in (voxels, voxels.astype(kind))]
    first, second = (next(scorer.stream(o, segmentation.segments)) for o in oriented)
    assert first == second


def test_a_ct_that_may_not_be_written_to_is_read_without_a_warning(
    scorer: Scorer, make_case: Cases, recwarn: pytest.WarningsRecorder
) -> None:
    ct, segmentation = make_case(np.ones((2, 30, 30), bool))
    ct.voxels.flags.writeable = False
    scorer.score_case(ct, segmentation)
    assert not recwarn.list


def test_the_mask_of_another_segment_is_not_seen(scorer: Scorer, make_case: Cases) -> None:
    mask = np.zeros((2, 60, 60), bool)
    mask[:, 20:30, 20:30] = True
    ct, alone = make_case(mask)
    neighbour = Segment.from_mask("spleen", alone.segments[0].structure, ~mask, ct.grid)
    both = Segmentation((neighbour, *alone.segments))
    scores = [
        [row.raw_score for row in slices(scorer.score_case(ct, segmentation)) if row.segment == "liver"]
        for segmentation in (alone, both)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


class _Broken(nn.Module):
    """Raw scores of a training of four steps."""

    def forward(self, images: Tensor, text: Tensor) -> ModelOutput:
        return ModelOutput(400 * images[:, 0].mean(dim=(1, 2)) + 100)


def test_a_model_whose_raw_scores_are_no_dice_is_refused_by_every_door(
    small_model: QualityModel, sample_ct: Volume, few_organs: Segmentation, sample_dir: Path, tmp_path: Path
) -> None:
    broken = QualityModel(small_model.spec, _Broken(), small_model.text_vectors)
    said = r'Model "small" is broken or hardly trained: .* raw scores lie outside -0\.25 to 1\.25; .*\.$'
    with pytest.raises(ModelError, match=said):
        segae.score(sample_ct, few_organs, model=broken, device="cpu")
    with pytest.raises(ModelError, match=said):
        name_check(sample_ct, few_organs, model=broken, device="cpu")
    mask = few_organs.segments[0].full_mask()
    with pytest.raises(ModelError, match=said):
        segae.segae_inference(sample_ct.voxels, mask, 13, broken)
    (case,) = find_cases(sample_dir)
    (failed,) = run_batch([case], tmp_path, Scorer(broken, device="cpu"), ScoringOptions(slices=1)).failed
    assert re.match(said, failed.reason)


class _OddForOne(nn.Module):
    """A Dice, but for the structure with a text vector of ones."""

    def forward(self, images: Tensor, text: Tensor) -> ModelOutput:
        return ModelOutput(torch.where(text.mean(dim=1) > 0.5, 2.0, 0.5))


def test_a_few_odd_scores_are_no_reason_to_refuse_a_model(
    small_model: QualityModel, sample_ct: Volume, sample_segmentation: Segmentation
) -> None:
    gland = resolve("adrenal_gland_left").structure.index
    vectors = torch.zeros_like(small_model.text_vectors)
    vectors[gland] = 1
    odd = QualityModel(small_model.spec, _OddForOne(), vectors)
    report = segae.score(sample_ct, sample_segmentation, model=odd, device="cpu")
    raw = [row.raw_score for row in slices(report)]
    assert 0 < raw.count(2.0) < 0.05 * len(raw)
