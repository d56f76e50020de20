"""The TotalSegmentator data sets: `sXXXX/ct.nii.gz`, `sXXXX/segmentations/<class>.nii.gz`, `meta.csv`.

Version 1 has 104 classes, version 2 has 117; their names are told apart by the label table, so both are
read alike.
"""

from __future__ import annotations

import csv
from pathlib import Path

from segae.checks.finding import Finding
from segae.errors import InputError
from segae_trainer.data.index import SPLITS, Found, Scan


def find_totalsegmentator(root: Path) -> Found:
    """The cases under `root`, with the split of `meta.csv` where it has one.

    Findings are CT_MISSING and MASK_MISSING. Every folder is a patient of its own. Raises `InputError` when
    no folder is a case.
    """
    splits = _splits(root / "meta.csv")
    scans, findings = [], []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        ct, masks = folder / "ct.nii.gz", folder / "segmentations"
        if ct.is_file() and masks.is_dir():
            scans.append(Scan(folder.name, folder.name, ct, masks, split=splits.get(folder.name, "")))
        elif ct.is_file():
            findings.append(_missing(folder, "MASK_MISSING", 'folder "segmentations"'))
        elif masks.is_dir():
            findings.append(_missing(folder, "CT_MISSING", 'file "ct.nii.gz"'))
    if not scans and not findings:
        raise InputError(
            f'No folder in "{root}" holds ct.nii.gz and segmentations/; give the one of s0000, s0001 ...'
        )
    return Found(tuple(scans), tuple(findings))


def _missing(folder: Path, code: str, what: str) -> Finding:
    text = f'"{folder}" has no {what}; add it, or the case is left out.'
    return Finding(code, "warning", text, source=str(folder))


def _splits(meta: Path) -> dict[str, str]:
    """Case -> "train", "val" or "test", as far as `meta` (columns divided by `;`) says so."""
    if not meta.is_file():
        return {}
    with meta.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    pairs = ((row.get("image_id") or "", row.get("split") or "") for row in rows)
    return {case: split for case, split in pairs if split in SPLITS}
