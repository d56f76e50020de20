"""What a segment is taken for: the one rule of command, panel, headless Slicer and trainer.

Up to four sources speak about a segment: its terminology entry, its label value (where a table says what
values mean), its name, and its id. Each means one structure, or leaves the choice of several, or means none.

- Sources that agree, or that leave one structure in common, give that structure.
- Sources that have nothing in common contradict each other: no structure, both are named. Only an id gives
  way when the others agree among themselves, because nobody can change it.
- A source that means nothing in the table (an unknown code, "Segment_1") leaves the word to the others.
- A source that says that it is no organ (a lesion, a device, the background) is final.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from segae.errors import InputError
from segae.labels.resolver import ONLY_SIDE, resolve
from segae.labels.structure import AmbiguousName, Structure, UnknownName
from segae.labels.table import FIRST_OWN, LabelTable
from segae.labels.terminology import resolve_terminology

Source = Literal["terminology", "value", "name", "id"]
Refusal = Literal["no name", "unknown", "ambiguous", "contradiction", "no organ"]


@dataclass(frozen=True)
class Identification:
    """What a segment is taken for.

    `structure` is None when nothing sure can be said; `refusal` then says what kind of doubt it is and
    `candidates` what the segment may be, if anything. `reason` is one sentence or a few words for the user,
    `confidence` runs from 0 to 1.
    """

    structure: Structure | None
    reason: str
    candidates: tuple[Structure, ...] = ()
    confidence: float = 0.0
    refusal: Refusal | None = None


@dataclass(frozen=True)
class _Statement:
    """What one source says: the structures that it may mean (none: it means nothing in the table)."""

    kind: Source
    source: str
    structures: tuple[Structure, ...]
    reason: str
    confidence: float = 0.0
    nearest: tuple[Structure, ...] = ()
    no_organ: bool = False


def identify(
    name: str = "",
    *,
    segment_id: str = "",
    terminology: str = "",
    value: int | None = None,
    table: LabelTable | None = None,
) -> Identification:
    """The structure of `table` (None: the default one) that a segment means, with the reason, or why not.

    `terminology`: Slicer's entry. `value`: the label value, only where values are rows of the table.
    Nothing is raised.
    """
    table = table or LabelTable.default()
    statements = [
        *_terminology(terminology, table),
        *_value(value, table),
        *_text("name", name, table),
        *_text("id", segment_id, table),
    ]
    known = [one for one in statements if one.structures]
    final = next((one for one in statements if one.no_organ), None)
    if final is not None and not _means_own(known):
        return Identification(None, final.reason, refusal="no organ")
    visible = [one for one in known if one.kind != "id"]
    if len(visible) > 1 and _common(visible) and not _common(known):
        known = visible
    if not known:
        return _nothing(statements)
    common = _common(known)
    if not common:
        return _contradiction(known)
    only, *others = common
    if others:
        narrowest = min(known, key=lambda one: len(one.structures))
        return Identification(None, narrowest.reason, common, refusal="ambiguous")
    return _settled(only, known, unknown_code=not statements[0].structures)


def _settled(structure: Structure, known: Sequence[_Statement], unknown_code: bool) -> Identification:
    """The answer of statements that have one structure in common; `unknown_code`: the first source of all
    means nothing in the table."""
    sure = next((one for one in known if len(one.structures) == 1), known[-1])
    reason = sure.reason
    if len(known[0].structures) > 1:
        reason = f"{known[0].source}, settled by the {sure.source}"
    elif unknown_code and sure.kind in ("name", "id"):
        reason = f"{sure.reason}; its terminology is not in the label table"
    return Identification(structure, reason, confidence=sure.confidence)


def _common(statements: Sequence[_Statement]) -> tuple[Structure, ...]:
    """The structures that all statements may mean; none for no statement."""
    first = statements[0].structures if statements else ()
    return tuple(one for one in first if all(one in other.structures for other in statements[1:]))


def _contradiction(known: Sequence[_Statement]) -> Identification:
    disjoint = (pair for pair in combinations(known, 2) if not _common(pair))
    first, second = next(disjoint, (known[0], known[-1]))
    reason = (
        f"The {first.source} says {_either(first.structures)} and the {second.source} says "
        f"{_either(second.structures)}; choose one."
    )
    candidates = tuple(dict.fromkeys((*first.structures, *second.structures)))
    return Identification(None, reason, candidates, refusal="contradiction")


def _either(structures: Sequence[Structure]) -> str:
    shown = [f"'{structure}'" for structure in structures[:3]]
    return " or ".join([*shown, "another"] if len(structures) > len(shown) else shown)


def _nothing(statements: Sequence[_Statement]) -> Identification:
    """The answer when no source means anything."""
    if not statements:
        return Identification(None, "The segment has no name; choose the organ.", refusal="no name")
    first = statements[0]
    return Identification(None, first.reason, first.nearest, refusal="unknown")


def _means_own(known: Sequence[_Statement]) -> bool:
    """Whether a name means a structure of one's own, which may be a lesion."""
    return any(structure.index >= FIRST_OWN for one in known for structure in one.structures)


def _terminology(text: str, table: LabelTable) -> list[_Statement]:
    try:
        found = resolve_terminology(text, table)
    except AmbiguousName as error:
        return [_several("terminology", "terminology", error)]
    except UnknownName as error:
        return [_refused("terminology", "terminology", error)]
    except InputError:  # no terminology entry at all: the names decide
        return []
    if found is None:
        return []
    source = f"terminology ({found.reason})"
    return [_Statement("terminology", source, (found.structure,), found.reason, found.confidence)]


def _value(value: int | None, table: LabelTable) -> list[_Statement]:
    if value is None:
        return []
    try:
        found = resolve(value, table=table)
    except UnknownName as error:
        return [_refused("value", f"label value {value}", error)]
    return [_Statement("value", f"label value {value}", (found.structure,), found.reason, found.confidence)]


def _text(kind: Source, text: str, table: LabelTable) -> list[_Statement]:
    if not text.strip():
        return []
    source = f"{kind} '{text}'"
    if text.strip().isdecimal():  # the label value of some data set, hardly ever a row of this table
        return [_Statement(kind, source, (), f"'{text}' is a number, not a name; choose the organ.")]
    try:
        found = resolve(text, table=table)
    except AmbiguousName as error:
        return [_several(kind, source, error)]
    except UnknownName as error:
        return [_refused(kind, source, error)]
    return [_Statement(kind, source, (found.structure,), f"{source}, {found.reason}", found.confidence)]


def _several(kind: Source, source: str, error: AmbiguousName) -> _Statement:
    return _Statement(kind, source, error.candidates, str(error), ONLY_SIDE)


def _refused(kind: Source, source: str, error: UnknownName) -> _Statement:
    return _Statement(kind, source, (), str(error), nearest=error.nearest, no_organ=error.no_organ)
