"""Scores of a mask under several names, and the names of a whole case, with real networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segae.data import Segment, Segmentation
from segae.errors import Cancelled
from segae.geometry.orientation import to_orientation
from segae.labels import resolve
from segae.models.quality_model import QualityModel
from segae.progress import CancelToken, Watch
from segae.scoring.name_check import check_names, name_check, scores_by_name, telling_slices
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer


def row(name: str):
    return resolve(name).structure


@pytest.fixture(scope="module")
def scorer(mild_checkpoint) -> Scorer:
    return Scorer(mild_checkpoint("LAS"), device="cpu")


@pytest.fixture(scope="module")
def masks(sample_segmentation) -> dict[str, Segment]:
    return {s.name: s for s in sample_segmentation.segments}


def test_telling_slices_are_few_spread_and_large(masks):
    areas = np.count_nonzero(masks["liver"].full_mask(), axis=(1, 2))
    chosen = telling_slices(masks["liver"], "k")
    assert len(chosen) == 5 and chosen == sorted(set(chosen))
    assert (2 * areas[chosen] >= areas.max()).all()
    large = np.flatnonzero(2 * areas >= areas.max())
    assert (chosen[0], chosen[-1]) == (large[0], large[-1])


def test_a_mask_with_few_slices_gives_all_that_it_has(masks):
    full = np.zeros(masks["liver"].grid.shape, bool)
    full[[7, 9], 20:30, 20:30] = True
    mask = Segment.from_mask("two", row("liver"), full, masks["liver"].grid)
    assert telling_slices(mask, "k") == [7, 9]


def test_telling_slices_are_counted_along_the_axial_axis_of_the_file(masks):
    array, grid = to_orientation(masks["liver"].full_mask(), masks["liver"].grid, "SAR")
    turned = Segment.from_mask("liver", row("liver"), array, grid)
    assert telling_slices(turned, "i") == telling_slices(masks["liver"], "k")


def test_a_score_under_a_name_is_what_scoring_gives_for_a_mask_of_that_name(scorer, sample_ct, masks):
    liver = masks["liver"]
    ct = scorer.orient(sample_ct)
    scores = scores_by_name(scorer, ct, liver, [row("stomach"), row("gallbladder")])
    assert next(iter(scores)) == row("liver")
    assert {row("heart"), row("spleen"), row("stomach"), row("gallbladder")} < set(scores)
    only = ScoringOptions(only={"liver": telling_slices(liver, "k")})
    for structure in (row("liver"), row("spleen"), row("gallbladder")):
        renamed = replace(liver, structure=structure)
        rows = [r for part in scorer.stream(ct, [renamed], only) for one in part.values() for r in one]
        dice = [r.predicted_dice for r in rows]
        assert scores[structure] == pytest.approx(
            np.average(dice, weights=[r.area_mm2 for r in rows]), abs=1e-5
        )


def test_names_that_were_not_learned_are_not_tried(scorer, sample_ct, masks):
    model = scorer.model
    learned = tuple(row(name).index for name in ("liver", "stomach"))
    spec = replace(model.spec, trained_labels=learned)
    part_trained = Scorer(QualityModel(spec, model.network, model.text_vectors), device="cpu")
    ct = part_trained.orient(sample_ct)
    assert list(scores_by_name(part_trained, ct, masks["liver"])) == [row("liver"), row("stomach")]
    assert scores_by_name(part_trained, ct, masks["kidney_left"]) == {}


def test_every_mask_gets_an_answer_in_order_and_progress_is_told(scorer, sample_ct, masks):
    segments = [masks[name] for name in ("kidney_left", "rib_left_1", "kidney_right", "spinal_cord")]
    steps = []
    checks = check_names(scorer, sample_ct, segments, watch=Watch(steps.append))
    assert [check.segment for check in checks] == ["kidney_left", "kidney_right", "spinal_cord"]
    assert [check.named for check in checks] == [row("kidney left"), row("kidney right"), row("spinal canal")]
    assert [(step.done, step.total) for step in steps] == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_only_some_are_checked_when_asked(scorer, sample_ct, masks):
    segments = [masks["kidney_left"], masks["kidney_right"]]
    checks = check_names(scorer, sample_ct, segments, only=["kidney_right"])
    assert [check.segment for check in checks] == ["kidney_right"]


def test_it_stops_when_told_to(scorer, sample_ct, masks):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        check_names(scorer, sample_ct, [masks["liver"]], watch=Watch(cancel=cancel))


def test_the_bundled_model_finds_two_names_that_were_swapped(sample_ct, masks):
    liver, lung = masks["liver"], masks["lung_lower_lobe_right"]
    segments = [
        replace(liver, name="a", structure=lung.structure),
        replace(lung, name="b", structure=liver.structure),
        masks["spinal_cord"],
    ]
    checks = check_names(Scorer(device="cpu"), sample_ct, segments)
    assert [check.looks_like for check in checks] == [liver.structure, lung.structure, None]
    assert [check.confident for check in checks] == [True, True, False]


def test_the_rules_find_swapped_kidneys_where_the_scores_hardly_tell(scorer, sample_ct, masks):
    left, right = masks["kidney_left"], masks["kidney_right"]
    swapped = [
        replace(left, name="l", structure=right.structure),
        replace(right, name="r", structure=left.structure),
    ]
    report = name_check(sample_ct, Segmentation((*swapped, masks["vertebrae_L1"])), model=scorer.model)
    assert "WRONG_SIDE" in {finding.code for finding in report.findings}
    for check, structure in zip(report.checks, (left.structure, right.structure), strict=False):
        assert abs((check.score_named or 0) - (check.score_other or 0)) < 0.2
        assert check.looks_like == structure
        assert "see whether the names are swapped" in check.reason
