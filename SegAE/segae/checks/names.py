"""What is said about the name of a mask, from its scores under several names and from the rules."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segae.errors import InputError
from segae.files import whole_file
from segae.finding import Finding
from segae.labels.relatives import levels_near, other_side
from segae.labels.structure import Structure
from segae.labels.table import LabelTable


@dataclass(frozen=True)
class NameCheck:
    """One mask and its name.

    `segment`: the name in the file; `named`: what it was taken for. `looks_like`: the structure that it looks
    like instead, None when nothing speaks against the name. `score_named`, `score_other`: predicted Dice
    (0..1) under its name and under `looks_like`, or, without one, under the best other name; None where the
    model has not learned the name. `reason`: why, without a full stop. `confident`: sure enough to offer the
    other name.
    """

    segment: str
    named: Structure
    looks_like: Structure | None
    score_named: float | None
    score_other: float | None
    reason: str
    confident: bool

    @property
    def is_doubtful(self) -> bool:
        """Something speaks for another name."""
        return self.looks_like is not None

    @property
    def sentence(self) -> str:
        """The answer for people."""
        if self.looks_like is None:
            return f"named {self.named}: {self.reason}"
        return (
            f"named {self.named}, looks like {self.looks_like} (predicted Dice {shown(self.score_named)} "
            f"against {shown(self.score_other)}): {self.reason}"
        )


def shown(score: float | None) -> str:
    """A score with two digits, or "none"."""
    return "none" if score is None else f"{score:.2f}"


_SERIES = 24  # as far as any series reaches


@dataclass(frozen=True)
class NameRule:
    """`weight`: how much a finding speaks for other names, in units of predicted Dice; `favours`: for which
    of a label table, given the doubtful one."""

    weight: float
    favours: Callable[[Structure, LabelTable], Iterable[Structure]] | None = None

    def speaks_for(self, other: Structure, named: Structure, table: LabelTable) -> bool:
        """Without `favours` a rule only says that something is wrong: any other name may be right."""
        return self.favours is None or other in self.favours(named, table)


def _mirrored(named: Structure, table: LabelTable) -> tuple[Structure, ...]:
    side = other_side(named, table)
    return () if side is None else (side,)


def _levels(named: Structure, table: LabelTable) -> tuple[Structure, ...]:
    return levels_near(named, _SERIES, table)


# Codes of `segae.rules`, and one of the preflight.
NAME_RULES: Mapping[str, NameRule] = {
    "WRONG_SIDE": NameRule(0.4, _mirrored),
    "LEVEL_ORDER": NameRule(0.2, _levels),
    "LEVEL_TWICE": NameRule(0.2, _levels),
    "LEVEL_GAP": NameRule(0.1, _levels),
    "RIB_PAIR": NameRule(0.1, _levels),
    "HEIGHT": NameRule(0.2),
    "KIDNEY_PLACE": NameRule(0.2),
    "VOLUME": NameRule(0.1),
    "DUPLICATE_STRUCTURE": NameRule(0.1),
}


def rules_about(segment: str, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The first finding of each code of `NAME_RULES` about a mask, alone or together with others."""
    about = {
        finding.code: finding
        for finding in reversed(findings)
        if finding.code in NAME_RULES and segment in finding.segments
    }
    return tuple(reversed(about.values()))


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
    table: LabelTable | None = None,
) -> NameCheck:
    """The answer for one mask, from its predicted Dice under its own and under other names.

    `scores` lacks names that the model has not learned. `findings`: of the rules, for any segment. `level`:
    the vertebra or rib that fits best when all of the case are in order (None: not asked); no other level is
    then suggested. `table`: that of the names (None: the default one).
    """
    table = table or LabelTable.default()
    rules = rules_about(segment, findings)
    own, others = scores.get(named), {row: score for row, score in scores.items() if row != named}
    if own is None:
        return _by_rules(segment, named, rules, table)
    if not others:
        return NameCheck(segment, named, None, own, None, "no other name could be tried", False)
    support = _support(named, others, rules, level, table)
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
    named: Structure,
    others: Mapping[Structure, float],
    rules: Sequence[Finding],
    level: Structure | None,
    table: LabelTable,
) -> dict[Structure, float]:
    """Score under each name that may be suggested, and what rules and order add to it."""
    added = {row: ORDER * (row == level) for row in others if _allowed(row, level, table)}
    for rule in (NAME_RULES[finding.code] for finding in rules):
        for row in added:
            added[row] += rule.weight * rule.speaks_for(row, named, table)
    return {row: others[row] + more for row, more in added.items()}


def _allowed(row: Structure, level: Structure | None, table: LabelTable) -> bool:
    """Of the series of `level` only that one."""
    return row == level or not any(row in series and level in series for series in table.level_series)


def _by_rules(segment: str, named: Structure, rules: Sequence[Finding], table: LabelTable) -> NameCheck:
    """The answer where the model has not learned the name: a rule may know better, but is never sure."""
    unknown = "the model has not learned this name"
    for finding in rules:
        favours = NAME_RULES[finding.code].favours
        rows = tuple(favours(named, table)) if favours else ()
        if len(rows) == 1:
            return NameCheck(segment, named, rows[0], None, None, f"{unknown}; {_plain(finding)}", False)
    return NameCheck(segment, named, None, None, None, "; ".join([unknown, *map(_plain, rules)]), False)


def _reason(gain: float, rules: Sequence[Finding], in_order: bool) -> str:
    if gain >= _SAME:
        scores = "fits better under that name"
    else:
        scores = "the scores do not tell" if gain > -_SAME else "against the scores"
    order = ["so all levels are in order"] if in_order else []
    return "; ".join([scores, *order, *map(_plain, rules)])


def _plain(finding: Finding) -> str:
    return finding.message.rstrip(".")


def corrected_names(checks: Sequence[NameCheck], accepted: Collection[str]) -> dict[str, Structure]:
    """The structure for each segment in `accepted`, by the segment's name; nothing is changed here.

    Raises `InputError` for an accepted segment without a suggestion, and when two of them would get the same
    name.
    """
    suggested = {check.segment: check.looks_like for check in checks}
    renamed: dict[str, Structure] = {}
    for segment in accepted:
        structure = suggested.get(segment)
        if structure is None:
            raise InputError(f'There is no other name for segment "{segment}"; choose one that is in doubt.')
        if structure in renamed.values():
            raise InputError(f'Two segments would be named "{structure}"; accept one of them only.')
        renamed[segment] = structure
    return renamed


def name_findings(checks: Sequence[NameCheck]) -> tuple[Finding, ...]:
    """A finding NAME_DOUBTFUL for each mask that looks like another structure: a warning where the check is
    sure, else a note."""
    return tuple(
        Finding(
            "NAME_DOUBTFUL",
            "warning" if check.confident else "info",
            f'The mask "{check.segment}" is {check.sentence}; look at it, and rename it if that is right.',
            (check.segment,),
        )
        for check in checks
        if check.is_doubtful
    )


COLUMNS = (
    "case", "segment", "structure_index", "structure", "looks_like_index", "looks_like",
    "score_named", "score_other", "confident", "reason",
)  # fmt: skip


def write_checks(checks: Sequence[NameCheck], case: str, path: str | Path) -> Path:
    """Write a CSV file (UTF-8, `COLUMNS`; empty where there is no other name or no score) and return its
    path. Raises `OutputError` when that is not possible."""
    with whole_file(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(_values(check, case) for check in checks)
        text.detach()
    return Path(path)


def _values(check: NameCheck, case: str) -> list[object]:
    other = check.looks_like
    return [
        case,
        check.segment,
        check.named.index,
        check.named.name,
        "" if other is None else other.index,
        "" if other is None else other.name,
        _number(check.score_named),
        _number(check.score_other),
        int(check.confident),
        check.reason,
    ]


def _number(score: float | None) -> str:
    return "" if score is None else f"{score:.4f}"
