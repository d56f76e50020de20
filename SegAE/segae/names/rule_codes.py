"""What the findings of the rules over all masks mean for names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from segae.labels.structure import Structure
from segae.names.relatives import levels_near, other_side
from segae.preflight.findings import Finding

_SERIES = 24  # as far as any series reaches


@dataclass(frozen=True)
class NameRule:
    """`weight`: how much a finding speaks for other names, in units of predicted Dice; `favours`: for which,
    given the doubtful one."""

    weight: float
    favours: Callable[[Structure], Iterable[Structure]] | None = None

    def speaks_for(self, other: Structure, named: Structure) -> bool:
        """Without `favours` a rule only says that something is wrong: any other name may be right."""
        return self.favours is None or other in self.favours(named)


def _mirrored(named: Structure) -> tuple[Structure, ...]:
    side = other_side(named)
    return () if side is None else (side,)


def _levels(named: Structure) -> tuple[Structure, ...]:
    return levels_near(named, _SERIES)


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
    """The first finding of each code of `NAME_RULES` about a mask; one about two masks has the name of the
    other in its `segment`, and quotes both in its sentence."""
    about = {
        finding.code: finding
        for finding in reversed(findings)
        if finding.code in NAME_RULES and (finding.segment == segment or f'"{segment}"' in finding.message)
    }
    return tuple(reversed(about.values()))
