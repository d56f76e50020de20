"""AutoPET CTs and DAP Atlas masks, matched by subject and the last five digits of the StudyInstanceUID.

CTs stand in the folders of The Cancer Imaging Archive, `PETCT_<subject>/<date ...>-<last five>/`, as
`CT.nii.gz` or as DICOM series; or flat, `<prefix>_<subject>_<... last five>[_0000].nii.gz`. Masks are
`AutoPET_<subject>_<last five>.nii.gz`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from segae.io.dicom import modality_of
from segae.io.readers import is_image_name, stem

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


def cts_by_study(root: Path) -> Mapping[Study, tuple[Path, ...]]:
    """The CTs of each study below `root`, in either layout."""
    return _grouped(_cts(root))


def masks_by_study(root: Path) -> Mapping[Study, tuple[Path, ...]]:
    """The masks of each study below `root`."""
    return _grouped(_flat(path for path in root.rglob("*") if path.is_file()))


def _grouped(found: Iterator[tuple[Study, Path]]) -> Mapping[Study, tuple[Path, ...]]:
    paths: dict[Study, list[Path]] = {}
    for study, path in found:
        paths.setdefault(study, []).append(path)
    return {study: tuple(sorted(paths[study])) for study in sorted(paths)}


def _cts(root: Path) -> Iterator[tuple[Study, Path]]:
    """Folders of studies are not searched any deeper than their series."""
    for folder, subfolders, files in os.walk(root):
        subject = _SUBJECT.fullmatch(Path(folder).name)
        if subject is None:
            yield from _flat(Path(folder, file) for file in files)
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
    return next((path for path in series if modality_of(path) == "CT"), None)


def _flat(files: Iterable[Path]) -> Iterator[tuple[Study, Path]]:
    for path in files:
        study = parse_study(stem(path)) if is_image_name(path) else None
        if study is not None:
            yield study, path
