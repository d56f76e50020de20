"""Every spelling that leads to a row of the label table: its names, its SNOMED meaning and the synonyms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from segae.labels.spelling import Reading, plain, read
from segae.labels.structure import Structure
from segae.labels.table import load_structures, read_table

NAME, SPELLING, PARTNER = 1.0, 0.9, 0.6  # confidence of an exact name, a usual spelling, a nearest partner


@dataclass(frozen=True)
class Spelling:
    """One way to write `structure`; `reason` says which, or why the structure is only the nearest partner."""

    text: str
    reading: Reading
    structure: Structure
    reason: str
    confidence: float


@lru_cache(maxsize=1)
def load_spellings() -> tuple[Spelling, ...]:
    """All spellings; of two with the same text, the first one counts (nearest partners come first)."""
    rows = read_table("synonyms.csv")
    partners = [row for row in rows if row["kind"] == "partner"]
    names = [row for row in rows if row["kind"] == "name"]
    return (*_partners(partners), *_exact_names(), *_snomed_meanings(), *_synonyms(names))


@lru_cache(maxsize=1)
def spellings_by_text() -> dict[str, Spelling]:
    """The spellings by their plain text ("kidney left", "rib left 7")."""
    return {spelling.text: spelling for spelling in reversed(load_spellings())}


def _partners(rows: list[dict[str, str]]) -> list[Spelling]:
    return [
        _spelling(row["spelling"], structure, f"nearest partner, not the same: {row['note']}", PARTNER)
        for row in rows
        for structure in load_structures()
        if structure.name == row["means"]
    ]


def _exact_names() -> list[Spelling]:
    return [
        _spelling(name, structure, kind, NAME)
        for structure in load_structures()
        for name, kind in (
            (structure.name, "table name"),
            (structure.totalsegmentator_v1, "TotalSegmentator name"),
            (structure.totalsegmentator_v2, "TotalSegmentator name"),
        )
        if name
    ]


def _snomed_meanings() -> list[Spelling]:
    rows = zip(load_structures(), read_table("structures.csv"), strict=True)
    return [
        _spelling(
            f"{row['snomed_type_meaning']} {row['snomed_modifier_meaning']}",
            structure,
            "SNOMED meaning",
            SPELLING,
        )
        for structure, row in rows
        if row["snomed_type_meaning"]
    ]


def _synonyms(rows: list[dict[str, str]]) -> list[Spelling]:
    """A synonym of a name without a side holds for both sides."""
    own = [(structure, read(structure.name)) for structure in load_structures()]
    found: list[Spelling] = []
    for row in rows:
        meant = read(row["means"])
        for structure, reading in own:
            if reading.words == meant.words and meant.side in ("", reading.side):
                side = "" if meant.side else reading.side
                text = f"{row['spelling']} {side}"
                found.append(_spelling(text, structure, f"synonym of '{row['means']}'", SPELLING))
    return found


def _spelling(text: str, structure: Structure, reason: str, confidence: float) -> Spelling:
    return Spelling(plain(text), read(text), structure, reason, confidence)
