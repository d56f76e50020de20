"""What is to be renamed once somebody has agreed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from segae.errors import InputError
from segae.labels.structure import Structure
from segae.names.name_check import NameCheck


def corrected_names(checks: Sequence[NameCheck], accepted: Collection[str]) -> dict[str, Structure]:
    """The structure for each segment in `accepted`, by the segment's name; nothing is changed here.

    Raises `InputError` for an accepted segment without a suggestion, and when two of them would get the same
    name.
    """
    suggested = {check.segment: check.looks_like for check in checks}
    renamed: dict[str, Structure] = {}
    for segment in accepted:
        structure = suggested.get(segment)
        if structure is None:
            raise InputError(f'There is no other name for segment "{segment}"; choose one that is in doubt.')
        if structure in renamed.values():
            raise InputError(f'Two segments would be named "{structure}"; accept one of them only.')
        renamed[segment] = structure
    return renamed
