"""Where the CT and the masks of each case of a data set lie, whatever its layout."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from segae.errors import InputError
from segae.files import reason
from segae.io.image import is_image_name, stem
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


_UNTELLING = {"ct", "image", "volume"}


def case_name(ct: str | Path) -> str:
    """A case's name from the path of its CT: the folder's where the file is called just "ct", else the
    file's."""
    path = Path(ct)
    name = path.name if path.is_dir() else stem(path)
    return path.parent.name or name if name.lower() in _UNTELLING else name or "case"


def read_manifest(path: Path) -> Iterator[CaseFiles]:
    """The cases of a manifest; raises `InputError` naming the line that is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        head, _, _ = text.partition("\n")
        rows = csv.DictReader(text.splitlines(), delimiter=max(",;\t", key=head.count), strict=True)
        rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
        table = [(rows.line_num, row) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f'"{path}" cannot be read as a CSV manifest ({reason(error)}); save it as UTF-8 text.'
        ) from error
    missing = {"ct", "masks"} - set(rows.fieldnames)
    if missing:
        raise InputError(
            f'The manifest "{path}" has no column {" and ".join(sorted(missing))}; name it so in line 1.'
        )
    for line, row in table:
        ct, masks = (row["ct"] or "").strip(), (row["masks"] or "").strip()
        if not ct or not masks:
            raise InputError(f'Line {line} of "{path}" has no ct or no masks; fill in both or delete it.')
        name = (row.get("name") or "").strip() or None
        case = (row.get("case") or "").strip() or case_name(ct)
        yield CaseFiles(case, path.parent / ct, path.parent / masks, name)


_DAP_MASK = re.compile(r"AutoPET_(?P<subject>.+)_(?P<study>[^_]{5})", re.IGNORECASE)
_CT_ENDING = re.compile(r"(_0000|[_-]ct)$", re.IGNORECASE)


def find_paired_folders(cts: Path, masks: Path) -> Iterator[CaseFiles]:
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


_CT_NAMES = ("ct.nii.gz", "ct.nii")


def find_totalsegmentator(root: Path) -> Iterator[CaseFiles]:
    """Every folder under `root`, or `root` itself, that has a CT and masks.

    A folder without a `segmentations/` folder counts too: its case then fails with a sentence of its own
    instead of going unnoticed.
    """
    children = sorted(child for child in root.iterdir() if child.is_dir())
    for case, folder in ((root.resolve().name, root), *((child.name, child) for child in children)):
        ct = next((folder / name for name in _CT_NAMES if (folder / name).is_file()), None)
        if ct is not None:
            yield CaseFiles(case, ct, folder / "segmentations")


def find_cases(data: Path, masks: Path | None = None) -> tuple[CaseFiles, ...]:
    """The cases under `data`, sorted by name.

    With `masks`: `data` is a folder of CTs and `masks` one of mask files with matching names (DAP Atlas).
    Otherwise `data` is a CSV manifest, or a data set in TotalSegmentator's layout (v1 or v2), or one case of
    it. Raises `InputError` when nothing is found or names are not unique.
    """
    if not data.exists():
        raise InputError(f'There is no "{data}"; check the path of the data set.')
    if masks is not None:
        return checked(find_paired_folders(data, masks), data)
    if data.is_file():
        return checked(read_manifest(data), data)
    return checked(find_totalsegmentator(data), data)
