"""One verdict for each mask."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segae.checks.finding import Finding
from segae.results.ranking import verdict_table
from segae.results.verdicts import judge, worst_verdicts_first
from segae.scoring.calibration import with_organ_scores


def _upper_half_only(mask: np.ndarray) -> np.ndarray:
    cut = mask.copy()
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    cut[filled[: len(filled) // 2]] = False
    return cut


def test_true_masks_are_fine_and_empty_ones_of_organs_elsewhere_absent(report_of, truth):
    verdicts = judge(report_of(truth))
    assert {one.verdict for one in verdicts if one.n_voxels} == {"fine"}
    assert {one.verdict for one in verdicts if not one.n_voxels} == {"absent"}
    assert not any(one.needs_human or one.missing_slices for one in verdicts)


def test_a_mask_beside_its_organ_is_poor_and_says_so(report_of, truth):
    (verdict,) = judge(report_of({"spleen": np.roll(truth["spleen"], -50, axis=2)}))
    assert (verdict.verdict, verdict.volume_dice) == ("poor", 0.0)
    assert verdict.reasons == (
        "The predicted Dice is 0.00, below 0.7.",
        "Next to nothing in the mask looks like this organ: see whether name and place are right.",
    )


def test_a_mask_that_ends_too_early_misses_parts_in_these_slices(report_of, truth):
    mask = _upper_half_only(truth["liver"])
    (verdict,) = judge(report_of({"liver": mask}))
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
    (verdict,) = judge(report_of({"liver": mask}))
    assert verdict.verdict == "missing parts"
    assert middle - 2 <= min(verdict.missing_slices) <= max(verdict.missing_slices) <= middle + 2
    assert "in gaps of the mask" in verdict.reasons[0]


def test_what_is_found_beyond_a_break_is_not_missing(report_of, truth):
    report = report_of({"gallbladder": truth["gallbladder"]})
    *near, far = report.searched
    again = replace(far, organ_mm2=2000.0, presence=0.9)
    searched = (*near, again)
    (verdict,) = judge(replace(report, searched=searched))
    assert verdict.verdict == "fine"


def test_a_sliver_is_not_worth_a_word(report_of, truth):
    report = report_of({"liver": _upper_half_only(truth["liver"])})
    slivers = tuple(replace(one, organ_mm2=min(one.organ_mm2, 5.0)) for one in report.searched)
    (verdict,) = judge(replace(report, searched=slivers))
    assert (verdict.verdict, verdict.missing_slices) == ("fine", ())


def test_an_empty_mask_where_the_organ_is(report_of, truth):
    (verdict,) = judge(report_of({"liver": np.zeros_like(truth["liver"])}))
    assert (verdict.verdict, verdict.needs_human) == ("empty but present", True)
    assert len(verdict.missing_slices) > 5
    assert "ml, k = " in verdict.reasons[0]


def test_a_single_find_does_not_make_an_organ(report_of, truth):
    report = report_of({"brain": truth["brain"]})
    searched = (replace(report.searched[0], organ_mm2=3000.0, presence=0.8), *report.searched[1:])
    (verdict,) = judge(replace(report, searched=searched))
    assert verdict.verdict == "absent"
    assert "none of 15 slices" in judge(report)[0].reasons[0]


@pytest.mark.parametrize(
    "code", ["NAME_NOT_TRAINED", "UNLIKE_TRAINING", "OBLIQUE", "METAL", "TINY_MASK", "HU_RANGE"]
)
@pytest.mark.parametrize("segment", ["liver", None])
def test_findings_make_a_score_unreliable(report_of, truth, code, segment):
    report = report_of(
        {"liver": truth["liver"], "spleen": truth["spleen"]},
        findings=[Finding(code, "warning", "A sentence.", () if segment is None else (segment,))],
    )
    liver, spleen = judge(report)
    assert (liver.verdict, liver.needs_human) == ("not reliable here", True)
    assert liver.reasons
    assert spleen.verdict == ("fine" if segment else "not reliable here")


def test_an_organ_found_under_a_name_never_learned_is_no_find(report_of, truth):
    empty = np.zeros_like(truth["liver"])
    unlearned = Finding("NAME_NOT_TRAINED", "warning", "A sentence.", ("liver",))
    (verdict,) = judge(report_of({"liver": empty}, findings=[unlearned]))
    assert (verdict.verdict, verdict.needs_human) == ("not reliable here", False)


def test_other_findings_change_nothing(report_of, truth):
    report = report_of({"liver": truth["liver"]}, findings=[Finding("AT_BORDER", "info", "So.", ("liver",))])
    assert judge(report)[0].verdict == "fine"


def test_models_without_areas_judge_by_the_mean_and_find_nothing(report_of, truth):
    masks = {
        "liver": truth["liver"],
        "spleen": np.roll(truth["spleen"], 8, axis=2),
        "brain": truth["brain"],
    }
    report = report_of(masks, areas=False)
    liver, spleen, brain = judge(report)
    assert [liver.verdict, spleen.verdict, brain.verdict] == ["fine", "poor", "absent"]
    assert (spleen.volume_dice, spleen.dice) == (None, report.structures()[1].predicted_dice)


def test_the_threshold_decides_what_is_poor(report_of, truth):
    report = report_of({"liver": np.roll(truth["liver"], 5, axis=2)})
    dice = judge(report)[0].dice
    assert judge(report, dice + 0.01)[0].verdict == "poor"
    assert judge(report, dice - 0.01)[0].verdict == "fine"


def test_the_calibrated_dice_counts_when_the_report_has_it(report_of, truth):
    flat = {
        "edges": [], "knots": [0, 1], "calibrated": [0.5, 0.5],
        "groups": {"": {"low": [0.3, 0.3], "high": [0.7, 0.7]}},
    }  # fmt: skip
    report = with_organ_scores(report_of({"liver": truth["liver"]}), {"organ": flat})
    (verdict,) = judge(report)
    assert (verdict.verdict, verdict.dice) == ("poor", 0.5)
    assert (verdict.interval_low, verdict.interval_high) == (0.3, 0.7)


def test_what_needs_a_human_comes_first(report_of, truth):
    masks = {
        "aorta": truth["aorta"],
        "liver": np.zeros_like(truth["liver"]),
        "spleen": np.roll(truth["spleen"], 8, axis=2),
        "kidney_left": truth["kidney_left"],
        "brain": truth["brain"],
        "stomach": truth["stomach"],
    }
    learned = Finding("NAME_NOT_TRAINED", "warning", "A sentence.", ("stomach",))
    ranked = worst_verdicts_first(judge(report_of(masks, findings=[learned])))
    assert [one.segment for one in ranked[:3]] == ["liver", "spleen", "stomach"]
    assert {one.segment for one in ranked[3:]} == {"brain", "aorta", "kidney_left"}


def test_verdicts_become_a_table(report_of, truth):
    verdicts = judge(report_of({"liver": _upper_half_only(truth["liver"]), "brain": truth["brain"]}))
    columns, (liver, brain) = verdict_table(verdicts, "s0001")
    row = dict(zip(columns, liver, strict=True))
    assert (row["case"], row["verdict"], row["mean"]) == ("s0001", "missing parts", 1.0)
    assert row["missing_slices"] == " ".join(map(str, verdicts[0].missing_slices))
    assert dict(zip(columns, brain, strict=True))["predicted_dice"] == ""
