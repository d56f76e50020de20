"""One case of a data set: where its CT and its masks lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from segae.errors import InputError
from segae.io.label_names import find_names_file


@dataclass(frozen=True)
class CaseFiles:
    """`masks`: a folder of binary files or one file; `name`: the organ of a binary file, else None."""

    case: str
    ct: Path
    masks: Path
    name: str | None = None

    def absolute(self) -> CaseFiles:
        """The same case with paths that do not depend on the working directory."""
        return replace(self, ct=self.ct.absolute(), masks=self.masks.absolute())

    def newest(self, names: Path | None = None) -> float:
        """Time of the last change of any of its files, in seconds since 1970; 0 when all are missing.

        `names`: the file with the names of a multi-label file's values; else the one beside the masks counts.
        Raises OSError for a folder that cannot be listed.
        """
        files = [self.ct, self.masks]
        for folder in (self.ct, self.masks):
            if folder.is_dir():
                files += folder.iterdir()
        named = names or find_names_file(self.masks)
        files += [] if named is None else [named]
        return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


def checked(cases: Iterable[CaseFiles], source: Path) -> tuple[CaseFiles, ...]:
    """The cases with absolute paths, sorted by name; raises `InputError` when there are none or two have the
    same name."""
    found = tuple(sorted((one.absolute() for one in cases), key=lambda one: one.case))
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
