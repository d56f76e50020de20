"""A structure of the label table, and what a name is that means none of them or several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from segae.errors import InputError


@dataclass(frozen=True)
class Structure:
    """An anatomical structure of the label table.

    `index`: the label value in DAP Atlas files and the place of its text vector in a model. `laterality`:
    "left", "right" or "". `snomed`: (type code, modifier code), each "" where the table has none; `meaning`:
    what SNOMED CT calls it. `synonyms`: other names, which a table of one's own may add; they do not make it
    another structure.
    """

    index: int
    name: str
    laterality: str = ""
    totalsegmentator_v1: str = ""
    totalsegmentator_v2: str = ""
    snomed: tuple[str, str] = ("", "")
    meaning: str = ""
    synonyms: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return self.name

    def to_json(self) -> dict[str, Any]:
        """All fields as plain values, so that another process needs no table to know the structure."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Structure:
        """What `to_json` gave; raises KeyError or TypeError for anything else."""
        pairs = {"snomed": tuple(values["snomed"]), "synonyms": tuple(values["synonyms"])}
        return cls(**{**values, **pairs})

    @property
    def sideless(self) -> str:
        """The name without its side."""
        return " ".join(word for word in self.name.split() if word not in ("left", "right"))


class UnknownName(InputError):
    """No structure of the label table is meant; `nearest` holds what a user may have meant, best first.

    `no_organ`: the name says that nothing of the table is meant: a lesion, a device, the background.
    """

    def __init__(self, message: str, nearest: tuple[Structure, ...] = (), no_organ: bool = False) -> None:
        super().__init__(message)
        self.nearest = nearest
        self.no_organ = no_organ


class AmbiguousName(InputError):
    """Several structures may be meant; `candidates` holds all of them in table order."""

    def __init__(self, message: str, candidates: tuple[Structure, ...] = ()) -> None:
        super().__init__(message)
        self.candidates = candidates
