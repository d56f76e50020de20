"""One case of a data set: where its CT and its masks lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from segae.errors import InputError


@dataclass(frozen=True)
class CaseFiles:
    """`masks`: a folder of binary files or one file; `name`: the organ of a binary file, else None."""

    case: str
    ct: Path
    masks: Path
    name: str | None = None

    def newest(self) -> float:
        """Time of the last change of any of its files, in seconds since 1970; 0 where a file is missing."""
        files = [self.ct, self.masks]
        for folder in (self.ct, self.masks):
            if folder.is_dir():
                files += folder.iterdir()
        return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


def checked(cases: Iterable[CaseFiles], source: Path) -> tuple[CaseFiles, ...]:
    """The cases sorted by name; raises `InputError` when there are none or two have the same name."""
    found = tuple(sorted(cases, key=lambda one: one.case))
    if not found:
        raise InputError(
            f'"{source}" holds no cases: expected are folders with ct.nii.gz and segmentations/, a CSV '
            "manifest with the columns ct and masks, or a folder of CTs together with --masks."
        )
    twice = [case for case, count in Counter(one.case for one in found).items() if count > 1]
    if twice:
        raise InputError(
            f'"{source}" has several cases called "{twice[0]}"; give each its own name (column "case" of a '
            "manifest)."
        )
    return found
