"""AutoPET CTs and DAP Atlas masks, matched by subject and the last five digits of the StudyInstanceUID.

CTs stand in the folders of The Cancer Imaging Archive, `PETCT_<subject>/<date ...>-<last five>/`, as
`CT.nii.gz` or as DICOM series; or flat, `<prefix>_<subject>_<... last five>[_0000].nii.gz`. Masks are
`AutoPET_<subject>_<last five>.nii.gz`.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import SimpleITK

from segae.checks.finding import Finding
from segae.errors import InputError
from segae.io.image import is_image_name, stem
from segae_trainer.data.index import Found, Scan

_FLAT = re.compile(r"[a-z]+_([0-9a-z]+)_(?:.*[-_ ])?(\d{5})(?:_0000)?", re.IGNORECASE)
_SUBJECT = re.compile(r"PETCT_([0-9a-z]+)", re.IGNORECASE)
_STUDY = re.compile(r".*?(\d{5})")
_CT_NAMES = ("CT.nii.gz", "CT.nii")  # CTres.nii.gz is resampled to the PET and lies on another grid


@dataclass(frozen=True, order=True)
class Study:
    """What a mask and its CT have in common."""

    subject: str
    last_five: str

    def __str__(self) -> str:
        return f"AutoPET_{self.subject}_{self.last_five}"


def parse_study(name: str) -> Study | None:
    """The study that a file name without its extension stands for, or None."""
    match = _FLAT.fullmatch(name)
    return Study(match[1].lower(), match[2]) if match else None


def find_autopet(ct_root: Path, mask_root: Path) -> Found:
    """Pairs under the two folders; findings CT_MISSING, MASK_MISSING, DUPLICATE and UNKNOWN_NAME.

    Raises `InputError` when nothing under one of the folders has a name of that kind.
    """
    cts, ct_findings = _unique(_studies_with_ct(ct_root), "CT")
    masks, mask_findings = _unique(_flat(_files(mask_root)), "mask")
    findings = [*ct_findings, *mask_findings, *_odd_names(mask_root)]
    if not cts:
        raise InputError(
            f'No CT under "{ct_root}" is named as in AutoPET (PETCT_<subject>/<...five digits>/CT.nii.gz or '
            "AutoPET_<subject>_<five digits>.nii.gz); give the folder that holds them."
        )
    if not masks:
        raise InputError(
            f'No file under "{mask_root}" is named AutoPET_<subject>_<five digits>.nii.gz as the DAP Atlas '
            "masks are; give the folder that holds them."
        )
    findings += [_alone(study, cts[study], "mask", mask_root) for study in sorted(cts.keys() - masks.keys())]
    findings += [_alone(study, masks[study], "CT", ct_root) for study in sorted(masks.keys() - cts.keys())]
    both = sorted(cts.keys() & masks.keys())
    scans = tuple(Scan(str(study), study.subject, cts[study], masks[study]) for study in both)
    return Found(scans, tuple(findings))


def _studies_with_ct(root: Path) -> Iterator[tuple[Study, Path]]:
    """Every CT in either layout. Folders of studies are not searched any deeper than their series."""
    for folder, subfolders, files in os.walk(root):
        subject = _SUBJECT.fullmatch(Path(folder).name)
        if subject is None:
            yield from _flat([Path(folder, file) for file in files])
            continue
        for study in sorted(subfolders):
            match, ct = _STUDY.fullmatch(study), _ct_of_study(Path(folder, study))
            if match and ct:
                yield Study(subject[1].lower(), match[1]), ct
        subfolders.clear()


def _ct_of_study(folder: Path) -> Path | None:
    for name in _CT_NAMES:
        if (folder / name).is_file():
            return folder / name
    series = (path for path in sorted(folder.iterdir()) if path.is_dir())
    return next((path for path in series if _modality(path) == "CT"), None)


def _modality(series: Path) -> str | None:
    """Modality that the first DICOM file of a folder states; None when there is none that can be read."""
    file = min((path for path in series.iterdir() if path.is_file()), default=None)
    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(file))
    try:
        reader.ReadImageInformation()
    except RuntimeError:  # no DICOM file, or one without pixels; such a folder is no CT
        return None
    return reader.GetMetaData("0008|0060").strip() if reader.HasMetaDataKey("0008|0060") else None


def _files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def _flat(files: list[Path]) -> Iterator[tuple[Study, Path]]:
    for path in files:
        study = parse_study(stem(path)) if is_image_name(path) else None
        if study is not None:
            yield study, path


def _odd_names(root: Path) -> list[Finding]:
    return [
        Finding(
            "UNKNOWN_NAME",
            "warning",
            f'"{path}" is not named AutoPET_<subject>_<five digits>; rename it, or it is left out.',
            source=str(path),
        )
        for path in _files(root)
        if is_image_name(path) and parse_study(stem(path)) is None
    ]


def _unique(found: Iterator[tuple[Study, Path]], what: str) -> tuple[dict[Study, Path], list[Finding]]:
    """The first path of every study, and a finding DUPLICATE for the studies that have several."""
    paths: dict[Study, list[Path]] = defaultdict(list)
    for study, path in found:
        paths[study].append(path)
    findings = [
        Finding(
            "DUPLICATE",
            "warning",
            f'{study} has {len(those)} {what}s; "{those[0]}" is taken, remove "{those[1]}" or swap them.',
            source=str(those[0]),
        )
        for study, those in sorted(paths.items())
        if len(those) > 1
    ]
    return {study: those[0] for study, those in paths.items()}, findings


def _alone(study: Study, path: Path, missing: str, root: Path) -> Finding:
    text = f'"{path}" has no {missing} for {study} under "{root}"; add it, or the scan is left out.'
    return Finding(f"{missing.upper()}_MISSING", "warning", text, source=str(path))
