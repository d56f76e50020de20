"""From scores under several names, and what the rules say, to an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from segae.labels.structure import Structure
from segae.labels.table import level_series
from segae.names.name_check import NameCheck
from segae.names.rule_codes import NAME_RULES, rules_about
from segae.preflight.findings import Finding

DOUBTFUL = 0.2  # predicted Dice by which another name must fit better before anything is said
SURE = 0.4  # before it is offered as a correction
LEAST = 0.4  # what a mask must reach under a name that it is said to look like
ORDER = 0.1  # what the order from head to foot adds to a level
_SAME = 0.1  # less difference than this is none


def decide(
    segment: str,
    named: Structure,
    scores: Mapping[Structure, float],
    findings: Sequence[Finding] = (),
    level: Structure | None = None,
) -> NameCheck:
    """The answer for one mask, from its predicted Dice under its own and under other names.

    `scores` lacks names that the model has not learned. `findings`: of the rules, for any segment. `level`:
    the vertebra or rib that fits best when all of the case are in order (None: not asked); no other level is
    then suggested.
    """
    rules = rules_about(segment, findings)
    own, others = scores.get(named), {row: score for row, score in scores.items() if row != named}
    if own is None:
        return _by_rules(segment, named, rules)
    if not others:
        return NameCheck(segment, named, None, own, None, "no other name could be tried", False)
    support = _support(named, others, rules, level)
    best = max(support, key=lambda row: support[row], default=None)
    if best is None or support[best] < max(LEAST, own + DOUBTFUL):
        reason = "no other name fits better" if own >= LEAST else "none of the names that were tried fits"
        return NameCheck(segment, named, None, own, max(others.values()), reason, False)
    reason = _reason(others[best] - own, rules, level == best)
    return NameCheck(segment, named, best, own, others[best], reason, support[best] >= own + SURE)


def settle(checks: Sequence[NameCheck]) -> tuple[NameCheck, ...]:
    """The checks of a case, less sure of a name that another mask has already and fits as well."""
    holders = {check.named: check for check in checks if not check.is_doubtful}
    return tuple(_settled(check, holders) for check in checks)


def _settled(check: NameCheck, holders: Mapping[Structure, NameCheck]) -> NameCheck:
    holder = None if check.looks_like is None else holders.get(check.looks_like)
    if holder is None or holder.score_named is None or check.score_other is None:
        return check
    if holder.score_named < check.score_other - _SAME:
        return check
    reason = f'{check.reason}, but "{holder.segment}" has that name already and fits it'
    return replace(check, reason=reason, confident=False)


def _support(
    named: Structure, others: Mapping[Structure, float], rules: Sequence[Finding], level: Structure | None
) -> dict[Structure, float]:
    """Score under each name that may be suggested, and what rules and order add to it."""
    added = {row: ORDER * (row == level) for row in others if _allowed(row, level)}
    for rule in (NAME_RULES[finding.code] for finding in rules):
        for row in added:
            added[row] += rule.weight * rule.speaks_for(row, named)
    return {row: others[row] + more for row, more in added.items()}


def _allowed(row: Structure, level: Structure | None) -> bool:
    """Of the series of `level` only that one."""
    return row == level or not any(row in series and level in series for series in level_series())


def _by_rules(segment: str, named: Structure, rules: Sequence[Finding]) -> NameCheck:
    """The answer where the model has not learned the name: a rule may know better, but is never sure."""
    unknown = "the model has not learned this name"
    for finding in rules:
        favours = NAME_RULES[finding.code].favours
        rows = tuple(favours(named)) if favours else ()
        if len(rows) == 1:
            return NameCheck(segment, named, rows[0], None, None, f"{unknown}; {_plain(finding)}", False)
    return NameCheck(segment, named, None, None, None, "; ".join([unknown, *map(_plain, rules)]), False)


def _reason(gain: float, rules: Sequence[Finding], in_order: bool) -> str:
    if gain >= _SAME:
        scores = "fits better under that name"
    else:
        scores = "the scores do not tell" if gain > -_SAME else "against the scores"
    order = ["so all levels are in order from head to foot"] if in_order else []
    return "; ".join([scores, *order, *map(_plain, rules)])


def _plain(finding: Finding) -> str:
    return finding.message.rstrip(".")
