"""One row of the label table."""

from __future__ import annotations

from dataclasses import dataclass


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
