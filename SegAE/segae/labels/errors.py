"""Why a name did not lead to one structure."""

from __future__ import annotations

from segae.errors import InputError
from segae.labels.structure import Structure


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
