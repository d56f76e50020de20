"""AutoPET CTs and masks of the same study.

FDG studies are known by subject and the last five digits of the StudyInstanceUID, PSMA studies by subject and
date. CTs stand in the folders of The Cancer Imaging Archive, `PETCT_<subject>/<date ...>-<last five>/`, as
`CT.nii.gz` or as DICOM series; or flat, `<prefix>_<subject>_<... last five>[_0000].nii.gz` and
`psma_<subject>_<date>[_0000].nii.gz`, as in the nnU-Net folders of autoPET III. Masks are
`AutoPET_<subject>_<last five>.nii.gz`, as in the DAP Atlas, or have the name of their CT.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from segae.io.dicom import modality_of
from segae.io.readers import is_hidden, is_image_name, stem

_FLAT = re.compile(r"[a-z]+_([0-9a-z]+)_(?:.*[-_ ])?(\d{5})", re.IGNORECASE)
_PSMA = re.compile(r"psma_([0-9a-z]+)_(\d{4}-\d{2}-\d{2})(?:[-_ ].*)?", re.IGNORECASE)
_CHANNEL = re.compile(r"(?:_(\d{4}))?$")  # nnU-Net's: 0000 is the CT, 0001 the PET
_SUBJECT = re.compile(r"(PETCT|PSMA)_([0-9a-z]+)", re.IGNORECASE)
_STUDY = re.compile(r".*?(\d{5})")
_DATE = re.compile(r"(?:(\d{4})-(\d{2})-(\d{2})|(\d{2})-(\d{2})-(\d{4}))(?!\d).*")
_CT_NAMES = ("CT.nii.gz", "CT.nii")  # CTres.nii.gz is resampled to the PET and lies on another grid


@dataclass(frozen=True, order=True)
class Study:
    """What a mask and its CT have in common: `number` is the last five digits of the StudyInstanceUID, of a
    PSMA study its date."""

    subject: str
    number: str

    def __str__(self) -> str:
        tracer = "AutoPET" if self.number.isdecimal() else "psma"
        return f"{tracer}_{self.subject}_{self.number}"


def parse_study(name: str) -> Study | None:
    """The study that a file name without its extension stands for, or None; a channel of nnU-Net other than
    the CT is none."""
    channel = _CHANNEL.search(name)
    if channel is not None and channel[1] not in (None, "0000"):
        return None
    text = _CHANNEL.sub("", name, count=1)
    match = _PSMA.fullmatch(text) or _FLAT.fullmatch(text)
    return Study(match[1].lower(), match[2]) if match else None


def cts_by_study(root: Path) -> Mapping[Study, tuple[Path, ...]]:
    """The CTs of each study below `root`, in either layout."""
    return _grouped(_cts(root))


def masks_by_study(root: Path) -> Mapping[Study, tuple[Path, ...]]:
    """The masks of each study below `root`; images of nnU-Net, which end in their channel, are none."""
    files = (path for path in root.rglob("*") if path.is_file() and not stem(path).endswith("_0000"))
    return _grouped(_flat(files))


def _grouped(found: Iterator[tuple[Study, Path]]) -> Mapping[Study, tuple[Path, ...]]:
    paths: dict[Study, list[Path]] = {}
    for study, path in found:
        paths.setdefault(study, []).append(path)
    return {study: tuple(sorted(paths[study])) for study in sorted(paths)}


def _cts(root: Path) -> Iterator[tuple[Study, Path]]:
    """Folders of studies are not searched any deeper than their series; labels of nnU-Net are no CTs."""
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [
            name for name in subfolders if not is_hidden(Path(name)) and not name.startswith("labelsT")
        ]
        subject = _SUBJECT.fullmatch(Path(folder).name)
        if subject is None:
            yield from _flat(Path(folder, file) for file in files)
            continue
        for study in sorted(subfolders):
            number, ct = _number(subject[1], study), _ct_of_study(Path(folder, study))
            if number and ct:
                yield Study(subject[2].lower(), number), ct
        subfolders.clear()


def _number(tracer: str, study: str) -> str | None:
    """What the name of a study's folder says: the date of a PSMA study, as 2018-04-23, else five digits."""
    date = _DATE.fullmatch(study) if tracer.upper() == "PSMA" else None
    if date is not None:
        return "-".join(date.group(1, 2, 3) if date[1] else date.group(6, 4, 5))
    match = _STUDY.fullmatch(study)
    return match[1] if match else None


def _ct_of_study(folder: Path) -> Path | None:
    for name in _CT_NAMES:
        if (folder / name).is_file():
            return folder / name
    series = (path for path in sorted(folder.iterdir()) if path.is_dir() and not is_hidden(path))
    return next((path for path in series if modality_of(path) == "CT"), None)


def _flat(files: Iterable[Path]) -> Iterator[tuple[Study, Path]]:
    for path in files:
        study = parse_study(stem(path)) if is_image_name(path) and not is_hidden(path) else None
        if study is not None:
            yield study, path
