"""Where the CT and the masks of each case of a data set lie, whatever its layout.

One function for each layout gives the same `Layout`; a batch scores its cases, the trainer makes an index of
them.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from segae.errors import InputError
from segae.files import reason
from segae.io.autopet import Study, cts_by_study, masks_by_study, parse_study
from segae.io.label_names import names_beside
from segae.io.readers import is_image_name, stem
from segae.labels.schemes import DAP

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class CaseFiles:
    """`masks`: a folder of binary files or one file; `name`: the organ of a binary file, else None.

    `patient` is "" where the layout does not tell it: each case is then a patient of its own. `split`:
    "train", "val", "test" or "". `values`: the named scheme that the layout says the values of a label map
    follow, else None.
    """

    case: str
    ct: Path
    masks: Path
    name: str | None = None
    patient: str = ""
    split: str = ""
    values: str | None = None

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
        files += [*names_beside(self.masks)] if names is None else [names]
        return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that is no whole case: `code` for programs, `message` (one sentence) for people.

    `case`: what it would be, where a file of it is missing.
    """

    code: str
    message: str
    source: Path
    case: CaseFiles | None = None


@dataclass(frozen=True)
class Layout:
    """What a layout holds before anything was opened: whole cases, and what has no partner."""

    cases: tuple[CaseFiles, ...]
    left_out: tuple[LeftOut, ...] = ()


def find_cases(data: Path, masks: Path | None = None) -> tuple[CaseFiles, ...]:
    """The cases under `data`, sorted by name; one without CT or masks is among them and fails by itself.

    With `masks`: `data` is a folder of CTs and `masks` one of mask files with matching names (DAP Atlas).
    Otherwise `data` is a CSV manifest, or a data set in the layout of TotalSegmentator (v1 or v2) or of the
    published code, or one case of it. Raises `InputError` when nothing is found or names are not unique.
    """
    if not data.exists():
        raise InputError(f'There is no "{data}"; check the path of the data set.')
    if masks is not None:
        found = find_paired_folders(data, masks)
    elif data.is_file():
        found = read_manifest(data)
    else:
        found = find_totalsegmentator(data)
        found = found if found.cases or found.left_out else find_published(data)
    incomplete = (one.case for one in found.left_out if one.case is not None)
    cases = sorted((one.absolute() for one in (*found.cases, *incomplete)), key=lambda one: one.case)
    if not cases:
        raise InputError(
            f'"{data}" holds no cases: expected are folders with ct.nii.gz and segmentations/, a CSV '
            "manifest with the columns ct and masks, or a folder of CTs together with --masks."
        )
    twice = [case for case, count in Counter(one.case for one in cases).items() if count > 1]
    if twice:
        raise InputError(
            f'"{data}" has several cases called "{twice[0]}"; give each its own name (column "case" of a '
            "manifest)."
        )
    return tuple(cases)


_UNTELLING = {"ct", "image", "volume"}


def case_name(ct: str | Path) -> str:
    """A case's name from the path of its CT: the folder's where the file is called just "ct", else the
    file's."""
    path = Path(ct)
    name = path.name if path.is_dir() else stem(path)
    return path.parent.name or name if name.lower() in _UNTELLING else name or "case"


def read_manifest(path: Path) -> Layout:
    """The cases of a CSV manifest: columns ct and masks, and where wanted case and name.

    Raises `InputError` naming the line that is wrong.
    """
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
    return Layout(tuple(_of_line(line, row, path) for line, row in table))


def _of_line(line: int, row: Mapping[str, str | None], path: Path) -> CaseFiles:
    ct, masks = (row["ct"] or "").strip(), (row["masks"] or "").strip()
    if not ct or not masks:
        raise InputError(f'Line {line} of "{path}" has no ct or no masks; fill in both or delete it.')
    name = (row.get("name") or "").strip() or None
    case = (row.get("case") or "").strip() or case_name(ct)
    return CaseFiles(case, path.parent / ct, path.parent / masks, name)


_CT_NAMES = ("ct.nii.gz", "ct.nii")


def find_totalsegmentator(root: Path) -> Layout:
    """Every folder under `root`, or `root` itself, with a CT and masks: `sXXXX/ct.nii.gz` and
    `sXXXX/segmentations/<class>.nii.gz`, of either version.

    `meta.csv` (columns divided by ";") gives the split. A folder without its masks or its CT is left out
    with the code MASK_MISSING or CT_MISSING.
    """
    splits = _splits(root / "meta.csv")
    children = sorted(child for child in root.iterdir() if child.is_dir())
    cases, left_out = [], []
    for name, folder in ((root.resolve().name, root), *((child.name, child) for child in children)):
        ct = next((folder / file for file in _CT_NAMES if (folder / file).is_file()), None)
        masks = folder / "segmentations"
        whole = CaseFiles(name, ct or folder / _CT_NAMES[0], masks, split=splits.get(name, ""))
        if ct is not None and masks.is_dir():
            cases.append(whole)
        elif ct is not None and not (folder / _TRUTH).is_file():
            left_out.append(_lacks(folder, "MASK_MISSING", 'folder "segmentations"', whole))
        elif masks.is_dir():
            left_out.append(_lacks(folder, "CT_MISSING", f'file "{_CT_NAMES[0]}"', None))
    return Layout(tuple(cases), tuple(left_out))


def _splits(meta: Path) -> dict[str, str]:
    """Case -> "train", "val" or "test", as far as `meta` says so."""
    if not meta.is_file():
        return {}
    with meta.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    pairs = ((row.get("image_id") or "", row.get("split") or "") for row in rows)
    return {case: split for case, split in pairs if split in SPLITS}


def _lacks(folder: Path, code: str, what: str, case: CaseFiles | None) -> LeftOut:
    return LeftOut(code, f'"{folder}" has no {what}; add it, or the case is left out.', folder, case)


_TRUTH = "label.nii.gz"


def find_published(root: Path) -> Layout:
    """The samples of the published code under `root`: `[SPLIT/]SAMPLE/ct.nii.gz` and `label.nii.gz` (rows of
    the label table).

    The patient is read from names like those of the DAP Atlas.
    """
    splits = [split for split in SPLITS if (root / split).is_dir()]
    cases, left_out = [], []
    for split, above in [(split, root / split) for split in splits] or [("", root)]:
        for folder in sorted(path for path in above.iterdir() if path.is_dir()):
            ct, truth = folder / _CT_NAMES[0], folder / _TRUTH
            study = parse_study(folder.name)
            patient = "" if study is None else study.subject
            whole = CaseFiles(folder.name, ct, truth, patient=patient, split=split, values=DAP)
            if ct.is_file() and truth.is_file():
                cases.append(whole)
            elif truth.is_file():
                left_out.append(_lacks(folder, "CT_MISSING", f'file "{ct.name}"', None))
            elif ct.is_file():
                left_out.append(_lacks(folder, "MASK_MISSING", f'file "{_TRUTH}"', whole))
    return Layout(tuple(sorted(cases, key=lambda one: one.case)), tuple(left_out))


def find_autopet(cts: Path, masks: Path) -> Layout:
    """CTs of AutoPET with masks of the DAP Atlas, by study (see `segae.io.autopet`).

    Left out: CT_MISSING, MASK_MISSING, DUPLICATE (the first of several is taken) and UNKNOWN_NAME. Raises
    `InputError` when nothing below one of the folders has a name of that kind.
    """
    ct_of, mask_of = cts_by_study(cts), masks_by_study(masks)
    if not ct_of:
        raise InputError(
            f'No CT under "{cts}" is named as in AutoPET (PETCT_<subject>/<...five digits>/CT.nii.gz or '
            "AutoPET_<subject>_<five digits>.nii.gz); give the folder that holds them."
        )
    if not mask_of:
        raise InputError(
            f'No file under "{masks}" is named AutoPET_<subject>_<five digits>.nii.gz as the DAP Atlas '
            "masks are; give the folder that holds them."
        )
    cases = tuple(
        CaseFiles(str(study), ct_of[study][0], mask_of[study][0], patient=study.subject, values=DAP)
        for study in sorted(ct_of.keys() & mask_of.keys())
    )
    left_out = [
        *_doubles(ct_of, "CT"),
        *_doubles(mask_of, "mask"),
        *_odd_names(masks),
        *(_alone(study, ct_of[study][0], "mask", masks) for study in sorted(ct_of.keys() - mask_of.keys())),
        *(_alone(study, mask_of[study][0], "CT", cts) for study in sorted(mask_of.keys() - ct_of.keys())),
    ]
    return Layout(cases, tuple(left_out))


def _doubles(found: Mapping[Study, tuple[Path, ...]], what: str) -> Iterator[LeftOut]:
    for study, (first, *others) in found.items():
        if others:
            text = (
                f'{study} has {len(others) + 1} {what}s; "{first}" is taken, remove "{others[0]}" or swap '
                "them."
            )
            yield LeftOut("DUPLICATE", text, first)


def _odd_names(root: Path) -> Iterator[LeftOut]:
    for path in sorted(path for path in root.rglob("*") if path.is_file() and is_image_name(path)):
        if parse_study(stem(path)) is None:
            text = f'"{path}" is not named AutoPET_<subject>_<five digits>; rename it, or it is left out.'
            yield LeftOut("UNKNOWN_NAME", text, path)


def _alone(study: Study, path: Path, missing: str, root: Path) -> LeftOut:
    text = f'"{path}" has no {missing} for {study} under "{root}"; add it, or the scan is left out.'
    return LeftOut(f"{missing.upper()}_MISSING", text, path)


_CT_ENDING = re.compile(r"(_0000|[_-]ct)$", re.IGNORECASE)


def find_paired_folders(cts: Path, masks: Path) -> Layout:
    """A case for each mask file, with the CT of its name (nnU-Net's ending allowed) or of its AutoPET study.

    A mask without CT is left out with the code CT_MISSING. Raises `InputError` for folders that are missing
    and for a mask that several CTs fit.
    """
    for folder in (cts, masks):
        if not folder.is_dir():
            raise InputError(
                f'"{folder}" is no folder; give a folder of CTs and, with --masks, one of masks.'
            )
    by_name: dict[str, list[Path]] = {}
    for ct in _images(cts.rglob("*")):
        by_name.setdefault(_CT_ENDING.sub("", stem(ct)), []).append(ct)
    by_study = cts_by_study(cts)
    cases, left_out = [], []
    for mask in _images(masks.iterdir()):
        study = parse_study(stem(mask))
        fitting = by_name.get(stem(mask)) or (by_study.get(study, ()) if study else ())
        if len(fitting) > 1:
            raise InputError(
                f'Several CTs fit the mask "{mask}" ("{fitting[0]}", "{fitting[1]}"); use a CSV manifest.'
            )
        if fitting:
            cases.append(CaseFiles(stem(mask), fitting[0], mask, patient=study.subject if study else ""))
        else:
            text = f'No CT under "{cts}" fits the mask "{mask}"; add it, or the case is left out.'
            left_out.append(LeftOut("CT_MISSING", text, mask, CaseFiles(stem(mask), cts / mask.name, mask)))
    return Layout(tuple(cases), tuple(left_out))


def _images(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.is_file() and is_image_name(path))
