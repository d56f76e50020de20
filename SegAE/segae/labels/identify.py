"""What a segment is taken for, with the reason, or the reason why not."""

from __future__ import annotations

from collections.abc import Sequence

from segae.errors import InputError
from segae.labels.resolver import AmbiguousName, Query, UnknownName, resolve
from segae.labels.structure import Structure
from segae.labels.terminology import resolve_terminology


def identify(query: Query) -> tuple[Structure | None, str]:
    """The structure of a name or index and why; (None, why not) when there is no single one."""
    try:
        found = resolve(query)
    except (UnknownName, AmbiguousName) as error:
        return None, str(error)
    return found.structure, found.reason


def identify_segment(terminology: str, names: Sequence[str]) -> tuple[Structure | None, str]:
    """Structure of a Slicer segment: its terminology counts first, then its names in order.

    A terminology that leaves several candidates is settled by a name that means one of them. One that means
    something else than an organ (a lesion, say) is final.
    """
    candidates: tuple[Structure, ...] = ()
    reason = "It has neither a name nor a terminology; name it."
    try:
        found = resolve_terminology(terminology)
        if found is not None:
            return found.structure, found.reason
    except AmbiguousName as error:
        candidates, reason = error.candidates, str(error)
    except UnknownName as error:
        return None, str(error)
    except InputError as error:  # no terminology entry at all: the names decide
        reason = str(error)
    for name in filter(None, names):
        structure, why = identify(name)
        if structure is not None and (not candidates or structure in candidates):
            return structure, why
        reason = reason if candidates else why
    return None, reason
