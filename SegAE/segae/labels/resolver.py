"""From what a user or a file calls a structure to the row of the label table, or a sentence why not."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import SupportsIndex, TypeAlias

from segae.errors import InputError
from segae.labels.spelling import (
    AROUND,
    NAME,
    SPELLING,
    Reading,
    Spelling,
    is_lesion,
    plain,
    readings,
    without_surroundings,
)
from segae.labels.structure import AmbiguousName, Structure, UnknownName
from segae.labels.table import FIRST_STRUCTURE, LabelTable, is_offered

Query: TypeAlias = SupportsIndex | str | tuple[str, str]

ONLY_SIDE = 0.8  # confidence of a name that leaves out a side which the table has once only
_PUBLISHED_SLIPS = {"urinary bladder": 19, "face": 128}  # of the published TotalSegmentator map
_LATERALITY = {"7771000": "left", "24028007": "right"}  # SNOMED modifiers
_WHOLE_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,9}\s*\Z")
_LONGEST_NAME = 200
_SHOWN = 6


@dataclass(frozen=True)
class Resolution:
    """The structure that a name means, why, and how sure that is (0..1)."""

    structure: Structure
    reason: str
    confidence: float


def resolve(query: Query, *, table: LabelTable | None = None, published_map: bool = False) -> Resolution:
    """The structure of `table` (None: the default one) that `query` means: an index, a name, or a pair of
    SNOMED codes (type, modifier).

    Names may be those of the table, of TotalSegmentator v1 or v2, or a usual spelling; the side may stand in
    front or behind. `published_map` repeats the two slips of the published TotalSegmentator map
    (`urinary_bladder` is 19, `face` is 128), for comparing numbers only.

    Raises `AmbiguousName` when several structures may be meant and `UnknownName` when none is, or when the
    name means something that is no organ (background, a lesion); `InputError` for a query of another type.
    """
    table = table or LabelTable.default()
    if isinstance(query, tuple):
        return _by_snomed(query, table)
    if isinstance(query, str):
        if _WHOLE_NUMBER.match(query):
            return _by_index(int(query), table)
        return _by_name(query, table, published_map)
    try:
        return _by_index(operator.index(query), table)
    except TypeError as error:
        sentence = f"{_shown(query)} names no structure; give an index, a name or two SNOMED codes."
        raise InputError(sentence) from error


def _by_index(index: int, table: LabelTable) -> Resolution:
    return _allowed(Resolution(table.by_index(index), f"index {index}", NAME))


def _by_name(query: str, table: LabelTable, published_map: bool) -> Resolution:
    if len(query) > _LONGEST_NAME:
        raise UnknownName(f"{_shown(query)} is too long for a name; use one of the label table.")
    text = plain(query)
    if published_map and text in _PUBLISHED_SLIPS:
        return Resolution(table.by_index(_PUBLISHED_SLIPS[text]), "published TotalSegmentator map", NAME)
    spelling = table.spellings_by_text.get(text)
    if spelling is not None:
        return _allowed(Resolution(spelling.structure, spelling.reason, spelling.confidence))
    try:
        return _by_reading(query, table)
    except UnknownName as error:
        core, around = without_surroundings(query)
        if error.no_organ or not around:
            raise
    return _by_core(query, core, around, table)


def _by_core(query: str, core: str, around: str, table: LabelTable) -> Resolution:
    """What a name means without what stands around it."""
    spelling = table.spellings_by_text.get(plain(core))
    found = spelling or _by_reading(core, table, query)
    reason = f"{found.reason}, without '{around}'"
    return _allowed(Resolution(found.structure, reason, min(found.confidence, AROUND)))


def _by_reading(text: str, table: LabelTable, query: str = "") -> Resolution:
    """What `text` means; errors quote the whole `query`, where it is a part of one."""
    query, read = query or text, readings(text)
    if any(map(is_lesion, read)):
        raise UnknownName(
            f"{_shown(query)} names a lesion, not the organ it lies in; leave it out or name the organ.",
            no_organ=True,
        )
    for reading in read:
        match = _same_words(reading, table)
        if match is not None:
            return _allowed(match)
    for reading in read:
        candidates = _candidates(reading, table)
        if len(candidates) > 1:
            raise _ambiguous(query, candidates)
    near = [one for reading in read for one in (*_candidates(reading, table), *_similar(reading, table))]
    raise _unknown(query, _unique(near)[:_SHOWN])


def _same_words(reading: Reading, table: LabelTable) -> Resolution | None:
    """The one structure with these words and this side, or with these words if the table has but one side."""
    same_words = [spelling for spelling in table.spellings if spelling.reading.words == reading.words]
    same_side = [spelling for spelling in same_words if spelling.reading.side == reading.side]
    if len({spelling.structure for spelling in same_side}) == 1:
        first = same_side[0]
        reason = first.reason if first.confidence < SPELLING else f"usual spelling of '{first.structure}'"
        return Resolution(first.structure, reason, min(first.confidence, SPELLING))
    if not reading.side and len({spelling.structure for spelling in same_words}) == 1:
        only = same_words[0].structure
        return Resolution(only, f"the table has it on one side only: '{only}'", ONLY_SIDE)
    return None


def _candidates(reading: Reading, table: LabelTable) -> tuple[Structure, ...]:
    """Structures whose names say what `reading` says and more: "rib 7" is the left and the right one."""
    if not reading.words and not reading.side:
        return ()
    fitting = (
        spelling.structure
        for spelling in table.spellings
        if reading.words <= spelling.reading.words and _side_fits(reading.side, spelling.reading.side)
    )
    return tuple(sorted(_unique(fitting), key=lambda structure: structure.index))


def _side_fits(side: str, other: str) -> bool:
    return side in ("", other) or (side == "both" and other != "")


def _similar(reading: Reading, table: LabelTable) -> Iterable[Structure]:
    """Structures with similar words on the side that `reading` gives, or without a side; best first."""
    known: dict[str, list[Spelling]] = {}
    for spelling in table.spellings:
        known.setdefault(spelling.reading.sideless, []).append(spelling)
    return (
        spelling.structure
        for close in difflib.get_close_matches(reading.sideless, known, n=_SHOWN, cutoff=0.6)
        for spelling in known[close]
        if _side_fits(reading.side, spelling.reading.side) or not spelling.reading.side
    )


def _by_snomed(query: tuple[str, ...], table: LabelTable) -> Resolution:
    if len(query) != 2 or not all(isinstance(code, str | int) for code in query):
        raise InputError(f"{_shown(query)} is no pair of SNOMED codes; give (type code, modifier code).")
    kind, modifier = (str(code).strip() for code in query)
    of_type = tuple(row for row in table.structures if kind and row.snomed[0] == kind)
    exact = [row for row in of_type if row.snomed[1] == modifier]
    # "Left atrium" has no modifier of its own; one that repeats the side is no contradiction.
    side = _LATERALITY.get(modifier, "unknown")
    repeated = [row for row in of_type if row.snomed[1] == "" and row.laterality == side]
    written = f"SNOMED {kind}" + (f" + {modifier}" if modifier else "")
    if len(exact or repeated) == 1:
        return _with_code((exact or repeated)[0], written, table)
    if len(of_type) > 1:
        raise _ambiguous(written, of_type)
    raise _unknown(written, of_type)


def _with_code(structure: Structure, written: str, table: LabelTable) -> Resolution:
    """A code stands for what TotalSegmentator calls by its name; that may be a nearest partner only."""
    named = table.spellings_by_text[plain(structure.totalsegmentator_v2 or structure.name)]
    reason = written if named.confidence == NAME else f"{written}, {named.reason}"
    return Resolution(structure, reason, named.confidence)


def _allowed(resolution: Resolution) -> Resolution:
    structure = resolution.structure
    if structure.index < FIRST_STRUCTURE:
        raise UnknownName(
            f"'{structure}' (row {structure.index} of the label table) is no organ; leave it out.",
            no_organ=True,
        )
    return resolution


def _ambiguous(query: str, candidates: tuple[Structure, ...]) -> AmbiguousName:
    return AmbiguousName(f"{_shown(query)} may mean {_listed(candidates)}; name one of them.", candidates)


def _unknown(query: str, nearest: tuple[Structure, ...]) -> UnknownName:
    hint = f"nearest: {_listed(nearest)}" if nearest else "nothing in it is near"
    sentence = f"{_shown(query)} is not in the label table ({hint}); use one of its names or an index."
    return UnknownName(sentence, nearest)


def _unique(structures: Iterable[Structure]) -> tuple[Structure, ...]:
    return tuple(dict.fromkeys(filter(is_offered, structures)))


def _listed(structures: tuple[Structure, ...]) -> str:
    names = [f"'{structure}'" for structure in structures]
    if len(names) > _SHOWN:
        return ", ".join(names[:_SHOWN]) + f" and {len(names) - _SHOWN} more"
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _shown(query: object) -> str:
    text = repr(query)
    return text if len(text) <= 60 else f"{text[:56]}...{text[0]}"
