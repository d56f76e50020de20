"""The label table: the 145 rows of the DAP Atlas, and structures of one's own after them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from segae.errors import InputError
from segae.files import read_bundled_table
from segae.labels.spelling import Spelling, plain, read, spellings_of
from segae.labels.structure import Structure, UnknownName
from segae.text_table import read_table

FIRST_STRUCTURE = 2  # rows 0 (background) and 1 ("Left to annotate") are no structures
HEART_TISSUE = 107  # a remainder class that nobody draws: known, never offered
FIRST_OWN = 145  # indices from here on belong to structures of one's own
OWN_SYSTEM = "Own structures"


def is_offered(structure: Structure) -> bool:
    """Whether a user may choose it: every row but background, "Left to annotate" and "heart tissue"."""
    return structure.index >= FIRST_STRUCTURE and structure.index != HEART_TISSUE


@dataclass(frozen=True, eq=False)
class LabelTable:
    """All structures that names can mean, by rising index: the 145 rows, then those of one's own."""

    structures: tuple[Structure, ...]

    @classmethod
    @lru_cache(maxsize=1)
    def default(cls) -> LabelTable:
        """The 145 rows alone, so that `structures[i].index == i`."""
        return cls(tuple(map(_bundled, read_bundled_table("Labels", "structures.csv"))))

    @classmethod
    def read(cls, path: str | Path) -> LabelTable:
        """The 145 rows and the structures of a CSV table: columns name, and as far as wanted index,
        laterality, synonyms and codes.

        Columns are divided by comma, semicolon or tab. Without an index a structure gets the next free one
        from 145 on. `synonyms` are divided by "|" (or ";" where that divides no columns); `codes` are the
        SNOMED CT code of the type and, after a blank, that of its modifier. A row that repeats one of the 145
        (same name, its index or none) adds its synonyms to it. Raises `InputError`, naming the line, for a
        name or an index that means something else already, and for a table that cannot be read.
        """
        return _with_lines(cls.default(), Path(path))

    @classmethod
    def from_json(cls, own: Iterable[Mapping[str, Any]]) -> LabelTable:
        """The 145 rows and what `to_json` gave. Raises KeyError or TypeError for anything else."""
        rows = [
            Structure(
                index=int(row["index"]),
                name=str(row["name"]),
                laterality=str(row.get("laterality", "")),
                snomed=(str(row.get("type_code", "")), str(row.get("modifier_code", ""))),
                synonyms=tuple(map(str, row.get("synonyms", ()))),
            )
            for row in own
        ]
        return cls.default().extended(rows) if rows else cls.default()

    def to_json(self) -> list[dict[str, Any]]:
        """The structures of one's own as plain values, for a checkpoint; empty for the default table."""
        return [
            {
                "index": row.index,
                "name": row.name,
                "laterality": row.laterality,
                "synonyms": list(row.synonyms),
                "type_code": row.snomed[0],
                "modifier_code": row.snomed[1],
            }
            for row in self.structures
            if row.index >= FIRST_OWN or row.synonyms
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        return LabelTable.from_json, (self.to_json(),)  # what else a table knows it finds again

    def contradiction(self, other: LabelTable) -> tuple[Structure, Structure] | None:
        """The first structure of one's own whose index means another one in `other`, and that one."""
        pairs = ((row, other.get(row.index)) for row in self.own)
        return next(((row, its) for row, its in pairs if its is not None and its.name != row.name), None)

    def extended(self, own: Iterable[Structure]) -> LabelTable:
        """This table with `own` structures, which take the place of a row with the same index."""
        rows = {row.index: row for row in self.structures}
        for structure in own:
            known = rows.get(structure.index)
            if known is not None and known.name == structure.name:
                structure = replace(known, synonyms=structure.synonyms)
            rows[structure.index] = structure
        return LabelTable(tuple(rows[index] for index in sorted(rows)))

    def by_index(self, index: int) -> Structure:
        """The row `index`; raises `UnknownName` where there is none."""
        try:
            return self._by_index[index]
        except KeyError:
            raise UnknownName(
                f"{index} is no row of the label table; use {FIRST_STRUCTURE} to {self.structures[-1].index}."
            ) from None

    def get(self, index: int) -> Structure | None:
        """The row `index`; None where there is none."""
        return self._by_index.get(index)

    def by_name(self, name: str) -> Structure | None:
        """The offered structure with exactly this name of the table; None where there is none."""
        return self._by_name.get(name)

    @property
    def n_rows(self) -> int:
        """One more than the highest index: how many rows a model's text vectors have."""
        return self.structures[-1].index + 1

    @property
    def own(self) -> tuple[Structure, ...]:
        """The structures beyond the 145 rows."""
        return tuple(row for row in self.structures if row.index >= FIRST_OWN)

    @cached_property
    def offered(self) -> tuple[Structure, ...]:
        """The structures that a user chooses from, in table order: 142, and those of one's own."""
        return tuple(filter(is_offered, self.structures))

    @cached_property
    def body_systems(self) -> Mapping[str, tuple[Structure, ...]]:
        """The offered structures by body system ("Digestive", "Urinary", ...), in the order of a list to
        show; those of one's own come last."""
        systems: dict[str, list[Structure]] = {}
        for row in read_bundled_table("Labels", "body_systems.csv"):
            structure = self.by_index(int(row["index"]))
            if is_offered(structure):
                systems.setdefault(row["system"], []).append(structure)
        if self.own:
            systems[OWN_SYSTEM] = list(self.own)
        return MappingProxyType({system: tuple(members) for system, members in systems.items()})

    @cached_property
    def level_series(self) -> tuple[tuple[Structure, ...], ...]:
        """Structures that follow each other from head to foot: vertebrae C1 to L5, the left and the right
        ribs 1 to 12."""
        ribs = [row for row in self.offered if row.name.startswith("costa ") and row.index < FIRST_OWN]
        vertebrae = [row for row in self.offered if row.name.startswith("vertebrae ")]
        return (
            tuple(row for row in vertebrae if row.index < FIRST_OWN),
            tuple(row for row in ribs if row.laterality == "left"),
            tuple(row for row in ribs if row.laterality == "right"),
        )

    @cached_property
    def spellings(self) -> tuple[Spelling, ...]:
        """All ways to write a name; of two with the same text the first one counts."""
        return spellings_of(self.structures)

    @cached_property
    def spellings_by_text(self) -> Mapping[str, Spelling]:
        """The spellings by their plain text ("kidney left", "rib left 7")."""
        return {spelling.text: spelling for spelling in reversed(self.spellings)}

    @cached_property
    def _by_index(self) -> Mapping[int, Structure]:
        return {row.index: row for row in self.structures}

    @cached_property
    def _by_name(self) -> Mapping[str, Structure]:
        return {row.name: row for row in self.offered}


def _bundled(row: Mapping[str, str]) -> Structure:
    return Structure(
        index=int(row["index"]),
        name=row["name"],
        laterality=row["laterality"],
        totalsegmentator_v1=row["totalsegmentator_v1"],
        totalsegmentator_v2=row["totalsegmentator_v2"],
        snomed=(row["snomed_type_code"], row["snomed_modifier_code"]),
        meaning=f"{row['snomed_type_meaning']} {row['snomed_modifier_meaning']}".strip(),
    )


_SIDES = {"": "", "left": "left", "l": "left", "right": "right", "r": "right"}


def _with_lines(table: LabelTable, path: Path) -> LabelTable:
    """`table` with the structures of the CSV file at `path`, checked line by line."""
    lines, delimiter = _read_lines(path)
    own: list[Structure] = []
    for number, cells in lines:
        where = f'Line {number} of the label table "{path}"'
        structure = _read_structure(table.extended(own), cells, delimiter, where)
        _check_names(table.extended(own), structure, where)
        own.append(structure)
    return table.extended(own)


def _read_lines(path: Path) -> tuple[list[tuple[int, Mapping[str, str]]], str]:
    """(number of the line, cells by column) of each row, and what divides the columns."""
    table = read_table(path)
    if "name" not in table.columns or not table.rows:
        raise InputError(
            f'The label table "{path}" names no structures; give a CSV file with the column name, and index, '
            "laterality, synonyms and codes where you have them."
        )
    return [*table.rows], table.separator


def _read_structure(table: LabelTable, cells: Mapping[str, str], delimiter: str, where: str) -> Structure:
    name, side = cells.get("name", ""), cells.get("laterality", "").casefold()
    if not plain(name):
        raise InputError(f"{where} has no name; fill it in or delete the line.")
    if side not in _SIDES:
        raise InputError(f'{where} has the laterality "{side}"; write left, right or nothing.')
    codes = re.split(r"[\s+^]+", cells.get("codes", "")) if cells.get("codes") else []
    if len(codes) > 2 or not all(code.isalnum() for code in codes):
        raise InputError(
            f'{where} has the codes "{cells["codes"]}"; give the SNOMED CT code of the type and, after a '
            "blank, that of its modifier."
        )
    split = "|" if delimiter == ";" else "|;"
    synonyms = [part.strip() for part in re.split(f"[{split}]", cells.get("synonyms", ""))]
    return Structure(
        index=_index(table, name, cells.get("index", ""), where),
        name=name,
        laterality=_SIDES[side],
        snomed=(codes[0] if codes else "", codes[1] if len(codes) == 2 else ""),
        synonyms=tuple(part for part in synonyms if plain(part)),
    )


def _index(table: LabelTable, name: str, text: str, where: str) -> int:
    """The index that a line gives, else that of the row with its name, else the next free one."""
    named = next((row for row in table.structures if plain(row.name) == plain(name)), None)
    if not text:
        return max(table.n_rows, FIRST_OWN) if named is None else named.index
    if not text.isdecimal():
        raise InputError(f'{where} has the index "{text}"; write a whole number from {FIRST_OWN} on.')
    index = int(text)
    holder = next((row for row in table.structures if row.index == index), None)
    if holder is not named and named is not None:
        raise InputError(
            f'{where} gives the index {index} to "{name}", which is row {named.index} already; leave the '
            "index out, or choose another name."
        )
    if holder is not named:
        raise InputError(
            f'{where} gives the index {index} to "{name}", but it is that of "{holder}"; use one from '
            f"{max(table.n_rows, FIRST_OWN)} on, or none."
        )
    return index


def _check_names(table: LabelTable, structure: Structure, where: str) -> None:
    """No name or synonym of `structure` may mean another structure already."""
    for name in (structure.name, *structure.synonyms):
        reading = read(name)
        same = (spelling.structure for spelling in table.spellings if spelling.reading == reading)
        known = next((other for other in same if other.index != structure.index), None)
        if known is not None:
            raise InputError(
                f'{where} calls a structure "{name}", which means "{known}" (row {known.index}) already; '
                "choose another name, or leave the line out."
            )


def load_structures() -> tuple[Structure, ...]:
    """All rows of the default table."""
    return LabelTable.default().structures


def by_index(index: int) -> Structure:
    """A row of the default table; raises `UnknownName` where there is none."""
    return LabelTable.default().by_index(index)


def offered_structures() -> tuple[Structure, ...]:
    """The 142 structures of the default table that a user chooses from."""
    return LabelTable.default().offered
