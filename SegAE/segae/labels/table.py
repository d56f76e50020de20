"""The label table: 145 rows, of which 142 are offered to a user."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from segae.files import resource
from segae.labels.structure import Structure, UnknownName

FIRST_STRUCTURE = 2  # rows 0 (background) and 1 ("Left to annotate") are no structures
HEART_TISSUE = 107  # a remainder class that nobody draws: known, never offered


@lru_cache(maxsize=1)
def load_structures() -> tuple[Structure, ...]:
    """All 145 rows in table order, so that `load_structures()[i].index == i`."""
    return tuple(
        Structure(
            index=int(row["index"]),
            name=row["name"],
            laterality=row["laterality"],
            totalsegmentator_v1=row["totalsegmentator_v1"],
            totalsegmentator_v2=row["totalsegmentator_v2"],
            snomed=(row["snomed_type_code"], row["snomed_modifier_code"]),
        )
        for row in read_table("structures.csv")
    )


def by_index(index: int) -> Structure:
    """Row `index` (0..144) of the table; raises `UnknownName` outside of it."""
    structures = load_structures()
    if not 0 <= index < len(structures):
        raise UnknownName(
            f"{index} is no row of the label table; use {FIRST_STRUCTURE} to {len(structures) - 1}."
        )
    return structures[index]


def is_offered(structure: Structure) -> bool:
    """Whether a user may choose it: every row but background, "Left to annotate" and "heart tissue"."""
    return structure.index >= FIRST_STRUCTURE and structure.index != HEART_TISSUE


@lru_cache(maxsize=1)
def offered_structures() -> tuple[Structure, ...]:
    """The 142 structures that a user chooses from, in table order."""
    return tuple(filter(is_offered, load_structures()))


@lru_cache(maxsize=1)
def body_systems() -> Mapping[str, tuple[Structure, ...]]:
    """The offered structures by body system ("Digestive", "Urinary", ...), in the order of a list to show."""
    systems: dict[str, list[Structure]] = {}
    for row in read_table("body_systems.csv"):
        structure = by_index(int(row["index"]))
        if is_offered(structure):
            systems.setdefault(row["system"], []).append(structure)
    return MappingProxyType({system: tuple(members) for system, members in systems.items()})


def read_table(name: str) -> list[dict[str, str]]:
    """Rows of a CSV file of `Resources/Labels`, values as text."""
    with resource("Labels", name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@lru_cache(maxsize=1)
def level_series() -> tuple[tuple[Structure, ...], ...]:
    """Structures that follow each other from head to foot: vertebrae C1 to L5, the left and the right ribs 1
    to 12."""
    rows = offered_structures()
    ribs = [row for row in rows if row.name.startswith("costa ")]
    return (
        tuple(row for row in rows if row.name.startswith("vertebrae ")),
        tuple(row for row in ribs if row.laterality == "left"),
        tuple(row for row in ribs if row.laterality == "right"),
    )
