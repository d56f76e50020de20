"""A folder of CTs and a folder of masks whose file names belong together, as with the DAP Atlas.

A mask belongs to the CT with the same name (nnU-Net's `_0000` and a trailing `_ct` aside). A DAP Atlas mask
`AutoPET_<subject>_<last five of the StudyUID>` also finds its CT in AutoPET's own folders: the one path that
names the subject and has a part that ends with those five characters. Of several images there (PET, SUV, ...)
it is the one called CT.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from segae.batch.cases import CaseFiles
from segae.errors import InputError
from segae.io.image import is_image_name, stem

_DAP_MASK = re.compile(r"AutoPET_(?P<subject>.+)_(?P<study>[^_]{5})", re.IGNORECASE)
_CT_ENDING = re.compile(r"(_0000|[_-]ct)$", re.IGNORECASE)


def find(cts: Path, masks: Path) -> Iterator[CaseFiles]:
    """A case per mask file; raises `InputError` for folders that are missing or a CT that cannot be told."""
    for folder in (cts, masks):
        if not folder.is_dir():
            raise InputError(
                f'"{folder}" is no folder; give a folder of CTs and, with --masks, one of masks.'
            )
    by_name: dict[str, list[Path]] = defaultdict(list)
    for ct in sorted(path for path in cts.rglob("*") if path.is_file() and is_image_name(path)):
        by_name[_CT_ENDING.sub("", stem(ct))].append(ct)
    for mask in sorted(path for path in masks.iterdir() if path.is_file() and is_image_name(path)):
        yield CaseFiles(stem(mask), _ct_of(mask, cts, by_name), mask)


def _ct_of(mask: Path, cts: Path, by_name: dict[str, list[Path]]) -> Path:
    """The CT of a mask; where there is none, the path where it should be, so that the case says what is
    missing."""
    found = by_name.get(stem(mask)) or _autopet(mask, cts, by_name)
    if len(found) > 1:
        raise InputError(
            f'Several CTs fit the mask "{mask}" ("{found[0]}", "{found[1]}"); use a CSV manifest.'
        )
    return found[0] if found else cts / mask.name


def _autopet(mask: Path, cts: Path, by_name: dict[str, list[Path]]) -> list[Path]:
    match = _DAP_MASK.fullmatch(stem(mask))
    if match is None:
        return []
    subject, study = match["subject"], match["study"]
    found = [
        ct
        for ct in (path for paths in by_name.values() for path in paths)
        if subject in str(ct.relative_to(cts)) and _names_study(ct.relative_to(cts), study)
    ]
    called_ct = [ct for ct in found if stem(ct).lower() == "ct"]
    return called_ct or found


def _names_study(ct: Path, study: str) -> bool:
    return any(part.endswith(study) for part in (*ct.parent.parts, _CT_ENDING.sub("", stem(ct))))
