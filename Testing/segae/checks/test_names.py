"""The answer for one name, from scores, rules and order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.checks.names import DOUBTFUL, LEAST, NAME_RULES, ORDER, SURE, NameCheck, decide, settle
from segae.finding import Finding
from segae.labels import offered_structures, resolve
from segae.labels.table import LabelTable
from segae.scoring.name_check import neighbours


def row(name: str):
    return resolve(name).structure


T5, T6, LIVER, HEART, AORTA = map(row, ("T5", "T6", "liver", "heart", "aorta"))
LEFT, RIGHT = row("kidney left"), row("kidney right")


def found(code: str, segment: str = "mask") -> Finding:
    return Finding(code, "warning", "A rule says so.", (segment,))


def test_a_name_that_fits_best_is_kept():
    check = decide("mask", LIVER, {LIVER: 0.8, HEART: 0.3, AORTA: 0.1})
    assert check == NameCheck("mask", LIVER, None, 0.8, 0.3, "no other name fits better", False)


def test_another_name_that_fits_a_little_better_is_not_mentioned():
    assert not decide("mask", LIVER, {LIVER: 0.7, HEART: 0.85}).is_doubtful


def test_one_that_fits_better_is_mentioned_and_one_that_fits_far_better_is_sure():
    doubtful = decide("mask", T5, {T5: 0.5, T6: 0.78, AORTA: 0.6})
    assert (doubtful.looks_like, doubtful.score_named, doubtful.score_other) == (T6, 0.5, 0.78)
    assert not doubtful.confident
    sure = decide("mask", T5, {T5: 0.31, T6: 0.78})
    assert sure.confident
    assert sure.sentence == (
        "named vertebrae T5, looks like vertebrae T6 (predicted Dice 0.31 against 0.78): "
        "fits better under that name"
    )


def test_a_mask_that_fits_no_name_is_called_so():
    check = decide("mask", LIVER, {LIVER: 0.05, HEART: 0.35})
    assert not check.is_doubtful
    assert check.reason == "none of the names that were tried fits"


def test_a_rule_about_sides_decides_where_the_scores_do_not_tell():
    check = decide("mask", LEFT, {LEFT: 0.8, RIGHT: 0.82, LIVER: 0.1}, [found("WRONG_SIDE")])
    assert (check.looks_like, check.confident) == (RIGHT, True)
    assert check.reason == "the scores do not tell; A rule says so"


def test_a_rule_does_not_outweigh_scores_that_speak_clearly_for_the_name():
    assert not decide("mask", LEFT, {LEFT: 0.9, RIGHT: 0.4}, [found("WRONG_SIDE")]).is_doubtful


def test_findings_about_other_masks_and_other_things_have_no_weight():
    findings = [found("WRONG_SIDE", "another"), found("TINY_MASK")]
    assert not decide("mask", LEFT, {LEFT: 0.8, RIGHT: 0.82}, findings).is_doubtful


def test_a_finding_about_two_masks_counts_for_both_and_many_of_one_kind_count_once():
    swapped = Finding("WRONG_SIDE", "warning", 'The mask "l" lies to the right of "r".', ("l", "r"))
    assert decide("r", RIGHT, {RIGHT: 0.8, LEFT: 0.8}, [swapped]).looks_like == LEFT
    scores = {HEART: 0.6, LIVER: 0.55}
    assert not decide("mask", HEART, scores, [found("HEIGHT")] * 5).is_doubtful


def test_a_rule_about_levels_speaks_for_levels_only():
    scores = {T5: 0.6, T6: 0.65, AORTA: 0.7}
    assert decide("mask", T5, scores, [found("LEVEL_ORDER")], T6).looks_like == T6
    assert not decide("mask", T5, scores, [found("LEVEL_ORDER")], T5).is_doubtful


def test_no_level_is_suggested_but_the_one_that_is_in_order():
    t7 = row("T7")
    scores = {T5: 0.3, T6: 0.7, t7: 0.9, AORTA: 0.1}
    check = decide("mask", T5, scores, level=T6)
    assert (check.looks_like, check.score_other) == (T6, 0.7)
    assert "all levels are in order" in check.reason
    assert decide("mask", T5, scores).looks_like == t7
    assert decide("mask", T5, {T5: 0.3, T6: 0.7, AORTA: 0.9}, level=T5).looks_like == AORTA


def test_a_name_that_was_never_learned_is_judged_by_rules_and_never_surely():
    assert decide("mask", LEFT, {}) == NameCheck(
        "mask", LEFT, None, None, None, "the model has not learned this name", False
    )
    check = decide("mask", LEFT, {}, [found("WRONG_SIDE")])
    assert (check.looks_like, check.confident) == (RIGHT, False)
    assert "predicted Dice none against none" in check.sentence


def test_without_other_names_nothing_is_said_against_one():
    assert decide("mask", LIVER, {LIVER: 0.2}).reason == "no other name could be tried"


@given(st.data())
def test_what_is_suggested_is_another_name_that_reaches_the_limits(data):
    named = data.draw(st.sampled_from(offered_structures()))
    names = (named, *neighbours(named, offered_structures()[:6]))
    scores = {name: data.draw(st.floats(0, 1)) for name in names}
    level = data.draw(st.sampled_from([None, *names]))
    check = decide("mask", named, scores, level=level)
    assert check.score_named == scores[named]
    if check.looks_like is None:
        assert not check.confident
    else:
        other = scores[check.looks_like]
        gain = other - scores[named]
        assert check.looks_like != named and check.score_other == other
        assert gain >= DOUBTFUL - ORDER - 1e-9 and other >= LEAST - ORDER - 1e-9
        assert check.confident or gain < SURE


def test_a_name_that_another_mask_has_and_fits_is_never_sure():
    wrong = decide("a", T5, {T5: 0.2, T6: 0.8})
    fits, poor = (decide("b", T6, {T6: score, T5: 0.1}) for score in (0.75, 0.3))
    settled = settle([wrong, fits])
    assert not settled[0].confident and settled[0].looks_like == T6
    assert settled[0].reason.endswith('but "b" has that name already and fits it')
    assert settle([wrong, poor]) == (wrong, poor)


def test_two_swapped_masks_do_not_stand_in_each_others_way():
    checks = [decide("a", LEFT, {LEFT: 0.2, RIGHT: 0.8}), decide("b", RIGHT, {RIGHT: 0.2, LEFT: 0.8})]
    assert settle(checks) == tuple(checks)
    assert all(check.confident for check in checks)


@pytest.mark.parametrize("code", NAME_RULES)
def test_every_rule_is_able_to_tip_the_balance_for_some_name(code: str):
    rule = NAME_RULES[code]
    for named in offered_structures():
        for other in neighbours(named):
            if rule.speaks_for(other, named, LabelTable.default()):
                scores = {named: 0.5, other: 0.5 + DOUBTFUL - rule.weight / 2}
                assert not decide("mask", named, scores).is_doubtful
                assert decide("mask", named, scores, [found(code)]).looks_like == other
                return
    pytest.fail(f"{code} favours nothing")
