"""What reviewers accepted and corrected makes calibration, intervals and thresholds of a model anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from site_reviews import AREA, LIVER, MODEL, SHA256, SPLEEN, reviewed

from segae.errors import InputError
from segae.models.checkpoint import load_checkpoint, read_spec
from segae.progress import Watch
from segae.results.reviews import Review, ReviewLog
from segae.scoring.calibration import ORGAN, SLICE, calibrated, interval_for
from segae.scoring.recalibrate import recalibrate, recalibrate_in_child


@pytest.fixture(scope="module")
def decisions() -> list[Review]:
    return reviewed()


def test_scores_that_were_too_high_are_shown_lower_and_nearer_to_what_reviewers_made(
    decisions: list[Review],
) -> None:
    found = recalibrate(read_spec(MODEL), SHA256, decisions)
    assert (found.masks, found.cases) == (96, 12)
    for level in (SLICE, ORGAN):
        assert found.after[level].mae < found.before[level].mae
    tables = (read_spec(MODEL).intervals, found.intervals)
    old, new = (calibrated(np.array([0.6]), table, ORGAN)[0] for table in tables)
    assert new < old - 0.05


def test_intervals_hold_more_often_on_cases_left_out_than_before(decisions: list[Review]) -> None:
    found = recalibrate(read_spec(MODEL), SHA256, reviewed(too_high=0.45))
    before, after = found.before[SLICE].coverage, found.after[SLICE].coverage
    assert before is not None
    assert after is not None
    assert after >= 0.85
    assert after > before


def test_a_site_where_the_model_is_right_changes_little() -> None:
    found = recalibrate(read_spec(MODEL), SHA256, reviewed(too_high=0.0))
    scores = np.linspace(0.3, 0.6, 7)  # above, reviewers accept, and what is accepted counts as right
    before = calibrated(scores, read_spec(MODEL).intervals)
    assert np.abs(calibrated(scores, found.intervals) - before).max() < 0.06


def test_the_shown_dice_stays_inside_its_interval_and_never_falls(decisions: list[Review]) -> None:
    table = recalibrate(read_spec(MODEL), SHA256, decisions).intervals
    scores = np.linspace(-0.2, 1.2, 200)
    shown = calibrated(scores, table)
    low, high = interval_for(scores, np.full(200, AREA), [LIVER] * 200, table).T
    assert (np.diff(shown) >= 0).all()
    assert (low <= shown + 1e-4).all()
    assert (shown <= high + 1e-4).all()


def test_a_structure_with_enough_masks_gets_the_line_that_divides_accepted_from_corrected() -> None:
    found = recalibrate(read_spec(MODEL), SHA256, reviewed(cases=20, masks=8, too_high=0.1))
    assert set(found.thresholds) == {LIVER, SPLEEN}
    for index, line in found.thresholds.items():
        own = [one for one in reviewed(cases=20, masks=8, too_high=0.1) if one.structure_index == index]
        shown = calibrated(np.array([one.raw_dice for one in own], float), found.intervals, ORGAN)
        right = (shown >= line) == np.array([one.decision == "accept" for one in own])
        assert right.mean() > 0.85


def test_a_structure_with_few_masks_gets_no_line_of_its_own(decisions: list[Review]) -> None:
    rare = [replace(one, structure_index=LIVER if n else SPLEEN) for n, one in enumerate(decisions)]
    assert set(recalibrate(read_spec(MODEL), SHA256, rare).thresholds) <= {LIVER}


def test_what_was_skipped_or_needs_work_says_nothing_of_the_right_mask(decisions: list[Review]) -> None:
    more = [
        replace(one, segment="other", decision=decision, dice=None, slices=())
        for decision in ("skip", "needs work")
        for one in decisions
    ]
    assert recalibrate(read_spec(MODEL), SHA256, [*decisions, *more]).masks == len(decisions)


def test_the_last_decision_about_a_mask_counts(decisions: list[Review]) -> None:
    again = [replace(one, decision="accept", dice=1.0, time="2026-02-01T00:00:00+00:00") for one in decisions]
    found = recalibrate(read_spec(MODEL), SHA256, [*again, *decisions])
    assert found.accepted == found.masks == len(decisions)


@pytest.mark.parametrize(("cases", "masks"), [(0, 0), (1, 60), (4, 20), (5, 9)])
def test_too_few_masks_or_patients_are_refused_with_the_numbers_needed(cases: int, masks: int) -> None:
    with pytest.raises(InputError, match=r"5 patients and 40 masks beside") as refused:
        recalibrate(read_spec(MODEL), SHA256, reviewed(cases, masks))
    assert f"{cases * masks} accepted or corrected masks of {cases} patients" in str(refused.value)


def test_fifty_masks_of_five_patients_are_enough() -> None:
    assert recalibrate(read_spec(MODEL), SHA256, reviewed(5, 10)).masks == 50


def test_decisions_on_scores_of_another_model_do_not_count(decisions: list[Review]) -> None:
    with pytest.raises(InputError, match="0 accepted or corrected masks"):
        recalibrate(read_spec(MODEL), "0" * 64, decisions)


def test_scans_of_one_patient_are_left_out_together(decisions: list[Review]) -> None:
    with pytest.raises(InputError, match="of 1 patients"):
        recalibrate(read_spec(MODEL), SHA256, [replace(one, patient="p") for one in decisions])


def test_the_same_reviews_in_any_order_give_the_same_table(decisions: list[Review]) -> None:
    spec = read_spec(MODEL)
    assert recalibrate(spec, SHA256, decisions[::-1]) == recalibrate(spec, SHA256, decisions)


def test_the_new_model_has_the_same_network_and_says_what_it_learned_from(
    decisions: list[Review], tmp_path: Path
) -> None:
    for review in decisions:
        ReviewLog(tmp_path, "Ann").append(review)
    out = tmp_path / "site.safetensors"
    told = recalibrate_in_child(Watch(), str(tmp_path), "bundled", str(out))
    assert (told["masks"], told["cases"]) == (96, 12)
    assert told["after"] >= 0.8
    old, new = load_checkpoint(MODEL), load_checkpoint(out)
    assert new.spec.name == "site"
    assert "96 reviewed masks of 12 cases" in new.spec.description
    assert new.weights.keys() == old.weights.keys()
    assert all(bool((new.weights[key] == old.weights[key]).all()) for key in old.weights)
    assert out.stat().st_size < 1.1 * MODEL.stat().st_size


def test_a_model_without_areas_is_calibrated_by_its_slices(decisions: list[Review]) -> None:
    plain = replace(read_spec(MODEL), outputs=(), intervals={})
    found = recalibrate(plain, SHA256, decisions)
    assert set(found.before) == {SLICE}
    assert found.before[SLICE].coverage is None
    assert ORGAN not in found.intervals
