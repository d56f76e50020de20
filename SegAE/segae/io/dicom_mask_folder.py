"""A folder with DICOM objects that hold masks, as an archive exports a series or a whole study.

Objects of other kinds, such as the CT itself, lie there as well and are passed over. An object that cannot be
read, or was drawn on another CT, is left out with a finding and costs no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from segae.data import Segmentation, unique_names
from segae.errors import InputError
from segae.finding import Finding
from segae.io.dicom_masks import KINDS, objects_in
from segae.io.dicom_seg import DICOM_SEG
from segae.io.masks import MaskReader, MaskRequest, same_names
from segae.io.readers import is_image_name
from segae.io.rtstruct import RTSTRUCT


def _can_read(path: Path, request: MaskRequest) -> bool:
    """Whether it is a folder without image files, and with a DICOM object that holds masks."""
    return path.is_dir() and not any(map(is_image_name, path.iterdir())) and any(_objects(path))


def _objects(folder: Path) -> Iterator[Path]:
    return (file for file, kind in objects_in(folder) if kind in KINDS)


def _read(folder: Path, request: MaskRequest) -> Segmentation:
    """The masks of all objects. Findings: theirs, MASK_LEFT_OUT for each object that is left out, and
    SAME_NAME. Raises `InputError` when none can be read."""
    found: list[tuple[Path, Segmentation]] = []
    left_out: list[tuple[Path, InputError]] = []
    for path in _objects(folder):
        reader = next(one for one in (DICOM_SEG, RTSTRUCT) if one.can_read(path, request))
        try:
            found.append((path, reader.read(path, request)))
        except InputError as error:
            left_out.append((path, error))
    if not found:
        raise left_out[0][1]
    written = [segment.name for _, one in found for segment in one.segments]
    unique = unique_names(written, [path.name for path, one in found for _ in one.segments])
    findings = [*same_names(written, unique, folder)]
    segments, names = [], iter(unique)
    for _, one in found:
        renamed = {segment.name: next(names) for segment in one.segments}
        segments += (replace(segment, name=renamed[segment.name]) for segment in one.segments)
        findings += (
            replace(finding, segments=tuple(renamed.get(name, name) for name in finding.segments))
            for finding in one.findings
        )
    findings += (
        Finding("MASK_LEFT_OUT", "warning", f"Masks are left out: {error}", source=str(path))
        for path, error in left_out
    )
    return Segmentation(tuple(segments), str(folder), tuple(findings))


DICOM_MASK_FOLDER = MaskReader(
    "folder of DICOM masks",
    (".dcm",),
    "A folder with DICOM segmentations or structure sets, among other DICOM files or alone.",
    "Objects that cannot be read, or were drawn on another CT, are left out with a finding.",
    _can_read,
    _read,
)
