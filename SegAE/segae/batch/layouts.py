"""Finds the cases of a data set, whatever its layout."""

from __future__ import annotations

from pathlib import Path

from segae.batch import manifest, paired_folders, totalsegmentator
from segae.batch.cases import CaseFiles, checked
from segae.errors import InputError


def find_cases(data: Path, masks: Path | None = None) -> tuple[CaseFiles, ...]:
    """The cases under `data`, sorted by name.

    With `masks`: `data` is a folder of CTs and `masks` one of mask files with matching names (DAP Atlas).
    Otherwise `data` is a CSV manifest, or a data set in TotalSegmentator's layout (v1 or v2), or one case of
    it. Raises `InputError` when nothing is found or names are not unique.
    """
    if not data.exists():
        raise InputError(f'There is no "{data}"; check the path of the data set.')
    if masks is not None:
        return checked(paired_folders.find(data, masks), data)
    if data.is_file():
        return checked(manifest.read(data), data)
    return checked(totalsegmentator.find(data), data)
