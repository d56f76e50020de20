"""The TotalSegmentator data sets, v1 and v2: `sXXXX/ct.nii.gz` and `sXXXX/segmentations/<class>.nii.gz`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from segae.batch.cases import CaseFiles

_CT_NAMES = ("ct.nii.gz", "ct.nii")


def find(root: Path) -> Iterator[CaseFiles]:
    """Every folder under `root`, or `root` itself, that has a CT and masks.

    A folder without a `segmentations/` folder counts too: its case then fails with a sentence of its own
    instead of going unnoticed.
    """
    children = sorted(child for child in root.iterdir() if child.is_dir())
    for case, folder in ((root.resolve().name, root), *((child.name, child) for child in children)):
        ct = next((folder / name for name in _CT_NAMES if (folder / name).is_file()), None)
        if ct is not None:
            yield CaseFiles(case, ct, folder / "segmentations")
