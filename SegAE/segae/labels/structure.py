"""A row of the label table, and what a name is that means none of them or several."""

from __future__ import annotations

from dataclasses import dataclass

from segae.errors import InputError


@dataclass(frozen=True)
class Structure:
    """An anatomical structure of the DAP Atlas label table.

    `index`: the label value in DAP Atlas files and the row of a model's text vectors. `laterality`: "left",
    "right" or "". `snomed`: (type code, modifier code), each "" where the table has none.
    """

    index: int
    name: str
    laterality: str = ""
    totalsegmentator_v1: str = ""
    totalsegmentator_v2: str = ""
    snomed: tuple[str, str] = ("", "")

    def __str__(self) -> str:
        return self.name


class UnknownName(InputError):
    """No structure of the label table is meant; `nearest` holds what a user may have meant, best first."""

    def __init__(self, message: str, nearest: tuple[Structure, ...] = ()) -> None:
        super().__init__(message)
        self.nearest = nearest


class AmbiguousName(InputError):
    """Several structures may be meant; `candidates` holds all of them in table order."""

    def __init__(self, message: str, candidates: tuple[Structure, ...] = ()) -> None:
        super().__init__(message)
        self.candidates = candidates
