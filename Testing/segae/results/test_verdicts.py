"""One verdict for each mask."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segae.finding import Finding
from segae.results.review_order import ordered_segments
from segae.results.tables import segment_table
from segae.results.verdicts import Doubts, with_threshold
from segae.scoring.assemble import segment_result


def _upper_half_only(mask: np.ndarray) -> np.ndarray:
    cut = mask.copy()
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    cut[filled[: len(filled) // 2]] = False
    return cut


def test_true_masks_are_fine_and_empty_ones_of_organs_elsewhere_absent(report_of, truth):
    verdicts = report_of(truth).segments
    assert {one.verdict for one in verdicts if one.n_voxels} == {"fine"}
    assert {one.verdict for one in verdicts if not one.n_voxels} == {"absent"}
    assert not any(one.needs_review or one.missing_slices for one in verdicts)


def test_a_mask_beside_its_organ_is_poor_and_says_so(report_of, truth):
    (verdict,) = report_of({"spleen": np.roll(truth["spleen"], -50, axis=2)}).segments
    assert (verdict.verdict, verdict.predicted_dice) == ("poor", 0.0)
    assert verdict.reasons == (
        "The predicted Dice is 0.00, below 0.7.",
        "Next to nothing in the mask looks like this organ: see whether name and place are right.",
    )


def test_a_mask_that_ends_too_early_misses_parts_in_these_slices(report_of, truth):
    mask = _upper_half_only(truth["liver"])
    (verdict,) = report_of({"liver": mask}).segments
    lost = np.flatnonzero((truth["liver"] & ~mask).any(axis=(1, 2)))
    assert verdict.verdict == "missing parts"
    assert set(verdict.missing_slices) == set(lost.tolist()) & set(range(0, 30, 2))
    assert verdict.reasons[0].startswith("The organ seems to go on below the mask, about ")
    assert verdict.reasons[0].endswith(f"k = {verdict.missing_slices[0]} to {verdict.missing_slices[-1]}.")


def test_a_gap_inside_is_missing_too(report_of, truth):
    mask = truth["liver"].copy()
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    middle = filled[len(filled) // 2]
    mask[middle - 2 : middle + 3] = False
    (verdict,) = report_of({"liver": mask}).segments
    assert verdict.verdict == "missing parts"
    assert middle - 2 <= min(verdict.missing_slices) <= max(verdict.missing_slices) <= middle + 2
    assert "in gaps of the mask" in verdict.reasons[0]


def test_what_is_found_beyond_a_break_is_not_missing(report_of, truth):
    def far_off(row):
        is_last = row.presence is not None and row.slice == 28
        return replace(row, organ_mm2=2000.0, presence=0.9) if is_last else row

    (verdict,) = report_of({"gallbladder": truth["gallbladder"]}, change=far_off).segments
    assert verdict.verdict == "fine"


def test_a_sliver_is_not_worth_a_word(report_of, truth):
    def sliver(row):
        return row if row.presence is None else replace(row, organ_mm2=min(row.organ_mm2, 5.0))

    (verdict,) = report_of({"liver": _upper_half_only(truth["liver"])}, change=sliver).segments
    assert (verdict.verdict, verdict.missing_slices) == ("fine", ())


def test_an_empty_mask_where_the_organ_is(report_of, truth):
    (verdict,) = report_of({"liver": np.zeros_like(truth["liver"])}).segments
    assert (verdict.verdict, verdict.needs_review) == ("empty but present", True)
    assert len(verdict.missing_slices) > 5
    assert "ml, k = " in verdict.reasons[0]


def test_a_single_find_does_not_make_an_organ(report_of, truth):
    def first(row):
        return replace(row, organ_mm2=3000.0, presence=0.8) if row.slice == 0 else row

    (verdict,) = report_of({"brain": truth["brain"]}, change=first).segments
    assert (verdict.verdict, verdict.wrong_ml) == ("absent", 0.0)
    report = report_of({"brain": truth["brain"]})
    assert "none of 15 slices" in report.segments[0].reasons[0]


@pytest.mark.parametrize(
    "code", ["NAME_NOT_TRAINED", "UNLIKE_TRAINING", "OBLIQUE", "METAL", "TINY_MASK", "HU_RANGE"]
)
@pytest.mark.parametrize("segment", ["liver", None])
def test_findings_make_a_score_unreliable(report_of, truth, code, segment):
    report = report_of(
        {"liver": truth["liver"], "spleen": truth["spleen"]},
        findings=[Finding(code, "warning", "A sentence.", () if segment is None else (segment,))],
    )
    liver, spleen = report.segments
    assert (liver.verdict, liver.needs_review) == ("not reliable here", True)
    assert liver.reasons
    assert spleen.verdict == ("fine" if segment else "not reliable here")


def test_an_organ_found_under_a_name_never_learned_is_no_find(report_of, truth):
    empty = np.zeros_like(truth["liver"])
    unlearned = Finding("NAME_NOT_TRAINED", "warning", "A sentence.", ("liver",))
    (verdict,) = report_of({"liver": empty}, findings=[unlearned]).segments
    assert (verdict.verdict, verdict.needs_review) == ("not reliable here", False)


def test_other_findings_change_nothing(report_of, truth):
    report = report_of({"liver": truth["liver"]}, findings=[Finding("AT_BORDER", "info", "So.", ("liver",))])
    assert report.segments[0].verdict == "fine"


def test_models_without_areas_judge_by_the_mean_and_find_nothing(report_of, truth):
    masks = {
        "liver": truth["liver"],
        "spleen": np.roll(truth["spleen"], 8, axis=2),
        "brain": truth["brain"],
    }
    report = report_of(masks, areas=False)
    liver, spleen, brain = report.segments
    assert [liver.verdict, spleen.verdict, brain.verdict] == ["fine", "poor", "absent"]
    assert not spleen.has_areas and spleen.predicted_dice == spleen.mean


def test_the_threshold_decides_what_is_poor(report_of, truth):
    report = report_of({"liver": np.roll(truth["liver"], 5, axis=2)})
    dice = report.segments[0].predicted_dice
    assert with_threshold(report, dice + 0.01).segments[0].verdict == "poor"
    assert with_threshold(report, dice - 0.01).segments[0].verdict == "fine"


def test_a_line_that_the_model_draws_for_a_structure_goes_before_that_of_the_report(report_of, truth):
    report = report_of({"liver": np.roll(truth["liver"], 5, axis=2)})
    (liver,) = report.segments
    lines = {str(liver.structure_index): liver.predicted_dice + 0.01}
    strict = segment_result(liver, {"thresholds": lines}, Doubts(), threshold=0.1)
    assert (strict.verdict, strict.n_below) == ("poor", 0)
    again = with_threshold(replace(report, segments=(strict,)), 0.2)
    assert again.segments[0].verdict == "poor"
    other = segment_result(liver, {"thresholds": {"1": 1.0}}, Doubts(), threshold=0.1)
    assert other.verdict == "fine"


def test_the_calibrated_dice_counts_when_the_report_has_it(report_of, truth):
    flat = {
        "edges": [], "knots": [0, 1], "calibrated": [0.5, 0.5],
        "groups": {"": {"low": [0.3, 0.3], "high": [0.7, 0.7]}},
    }  # fmt: skip
    (raw,) = report_of({"liver": truth["liver"]}).segments
    verdict = segment_result(raw, {"organ": flat}, Doubts())
    assert (verdict.verdict, verdict.raw_dice, verdict.predicted_dice) == ("poor", 1.0, 0.5)
    assert (verdict.interval_low, verdict.interval_high) == (0.3, 0.7)


def test_what_needs_review_comes_first(report_of, truth):
    masks = {
        "aorta": truth["aorta"],
        "liver": np.zeros_like(truth["liver"]),
        "spleen": np.roll(truth["spleen"], 8, axis=2),
        "kidney_left": truth["kidney_left"],
        "brain": truth["brain"],
        "stomach": truth["stomach"],
    }
    learned = Finding("NAME_NOT_TRAINED", "warning", "A sentence.", ("stomach",))
    ranked = ordered_segments(report_of(masks, findings=[learned]).segments, "dice")
    assert [one.segment for one in ranked[:3]] == ["liver", "spleen", "stomach"]
    assert {one.segment for one in ranked[3:]} == {"brain", "aorta", "kidney_left"}


def test_verdicts_become_a_table(report_of, truth):
    report = report_of({"liver": _upper_half_only(truth["liver"]), "brain": truth["brain"]})
    columns, (liver, brain) = segment_table(report)
    row = dict(zip(columns, liver, strict=True))
    assert (row["case"], row["verdict"], row["mean"]) == ("s0001", "missing parts", 1.0)
    assert row["missing_slices"] == " ".join(map(str, report.segments[0].missing_slices))
    assert dict(zip(columns, brain, strict=True))["predicted_dice"] == ""


def test_the_wrong_volume_of_a_mask_that_ends_too_early_is_what_is_missing(report_of, truth):
    mask = _upper_half_only(truth["liver"])
    report = report_of({"liver": mask})
    (liver,) = report.segments
    voxel_ml = liver.volume_ml / liver.n_voxels
    assert liver.wrong_ml == pytest.approx(
        (truth["liver"] & ~mask).sum() * voxel_ml, rel=0.1
    )  # every second is searched


def test_the_wrong_volume_of_a_shifted_mask_is_that_of_both_errors(report_of, truth):
    mask = np.roll(truth["spleen"], 8, axis=2)
    (spleen,) = report_of({"spleen": mask}).segments
    voxel_ml = spleen.volume_ml / spleen.n_voxels
    assert spleen.wrong_ml == pytest.approx((truth["spleen"] ^ mask).sum() * voxel_ml, rel=1e-6)
