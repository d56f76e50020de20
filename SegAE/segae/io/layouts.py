"""Where the CT and the masks of each case of a data set lie, whatever its layout.

One function for each layout gives the same `Layout`; a batch scores its cases, the trainer makes an index of
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from segae.errors import InputError, way
from segae.files import reason, shown_path
from segae.io.autopet import Study, cts_by_study, masks_by_study, parse_study
from segae.io.case_files import CaseFiles, LeftOut, with_own_names
from segae.io.case_files import Layout as Layout
from segae.io.dicom import modality_of
from segae.io.readers import is_hidden, is_image_name, stem
from segae.labels.schemes import DAP
from segae.text_table import read_table

SPLITS = ("train", "val", "test")
_SPLIT_WORDS = {"training": "train", "validation": "val", "valid": "val", "testing": "test"}


def find_cases(data: Path, masks: Path | None = None) -> tuple[CaseFiles, ...]:
    """The cases of `find_layout`."""
    return find_layout(data, masks).cases


def find_layout(data: Path, masks: Path | None = None) -> Layout:
    """The cases under `data`, sorted by name, no name twice; one that lacks its CT or its masks is among them
    with its `problem`, and fails by itself. Left out is what is no case, or what a user should know.

    With `masks`: `data` is a folder of CTs and `masks` one of mask files with matching names (DAP Atlas).
    Otherwise `data` is a CSV manifest, or a data set in the layout of TotalSegmentator (v1 or v2), of nnU-Net
    or of the published code, or one case of it. Raises `InputError` when nothing is found.
    """
    if not data.exists():
        raise InputError(f'There is no "{data}"; check the path of the data set.')
    found = Layout(())
    if masks is not None:
        found = find_paired_folders(data, masks)
    elif data.is_file():
        found = read_manifest(data)
    else:
        for find in (find_totalsegmentator, find_nnunet, find_published):
            found = find(data)
            if found.cases or any(one.case for one in found.left_out):
                break
    incomplete = [replace(one.case, problem=one.message) for one in found.left_out if one.case is not None]
    if not found.cases and not incomplete:
        raise InputError(
            f'"{data}" holds no cases: expected are folders with ct.nii.gz and segmentations/, nnU-Net\'s '
            "imagesTr and labelsTr, a CSV manifest with the columns ct and masks, or a folder of CTs "
            + way("together with --masks.", "together with a folder of masks.")
        )
    cases, told = with_own_names(one.absolute() for one in (*found.cases, *incomplete))
    return Layout(tuple(cases), (*(one for one in found.left_out if one.case is None), *told))


_UNTELLING = {"ct", "image", "volume"}


def case_name(ct: str | Path) -> str:
    """A case's name from the path of its CT: the folder's where the file is called just "ct", else the
    file's."""
    path = Path(ct)
    name = path.name if path.is_dir() else stem(path)
    return shown_path(path.parent.name or name if name.lower() in _UNTELLING else name or "case")


def read_manifest(path: Path) -> Layout:
    """The cases of a manifest, a table in any encoding: columns ct and masks, and where wanted case, name,
    series and patient.

    A line without one of them is left out with the code MANIFEST_LINE. Raises `InputError` for a file that is
    no such table.
    """
    table = read_table(path)
    missing = {"ct", "masks"} - set(table.columns)
    if missing:
        raise InputError(
            f'The manifest "{path}" has no column {" and ".join(sorted(missing))}; name it so in line 1.'
        )
    read = [_of_line(line, row, path) for line, row in table.rows]
    return Layout(
        tuple(one for one in read if isinstance(one, CaseFiles)),
        tuple(one for one in read if isinstance(one, LeftOut)),
    )


def _of_line(line: int, row: Mapping[str, str], path: Path) -> CaseFiles | LeftOut:
    ct, masks = row.get("ct", ""), row.get("masks", "")
    case = row.get("case", "") or (case_name(ct) if ct else f"line {line} of {path.name}")
    files = CaseFiles(case, path.parent / ct, path.parent / masks, row.get("name") or None)
    files = replace(files, series=row.get("series") or None, patient=row.get("patient", ""))
    if ct and masks:
        return files
    text = f'Line {line} of "{path}" has no ct or no masks; fill in both or delete it.'
    return LeftOut("MANIFEST_LINE", text, path, files)


_CT_NAMES = ("ct.nii.gz", "ct.nii")


def find_totalsegmentator(root: Path) -> Layout:
    """Every folder under `root`, or `root` itself, with a CT and masks: `sXXXX/ct.nii.gz` and
    `sXXXX/segmentations/<class>.nii.gz`, of either version.

    `meta.csv`, with any separator and encoding, gives the split; TABLE_NOT_USED tells when it does not. A
    folder without its masks or its CT, or that cannot be read, is left out with the code MASK_MISSING,
    CT_MISSING or UNREADABLE. Hidden folders and those of reports are none of the data.
    """
    cases, left_out = [], []
    for name, folder in ((root.resolve().name, root), *((child.name, child) for child in _folders(root))):
        try:
            ct = next((folder / file for file in _CT_NAMES if (folder / file).is_file()), None)
            masks, is_published = folder / "segmentations", (folder / _TRUTH).is_file()
            has_masks = masks.is_dir()
        except OSError as error:
            left_out.append(_unreadable(folder, error))
            continue
        whole = CaseFiles(name, ct or folder / _CT_NAMES[0], masks)
        if ct is not None and has_masks:
            cases.append(whole)
        elif ct is not None and not is_published:
            left_out.append(_lacks(folder, "MASK_MISSING", 'folder "segmentations"', whole))
        elif has_masks:
            left_out.append(_lacks(folder, "CT_MISSING", f'file "{_CT_NAMES[0]}"', whole))
    splits, told = _splits(root / "meta.csv", [one.case for one in cases])
    with_split = (replace(one, split=splits.get(one.case, "")) for one in cases)
    return Layout(tuple(with_split), (*left_out, *told))


def _folders(root: Path) -> list[Path]:
    return sorted(child for child in root.iterdir() if not is_hidden(child) and child.is_dir())


def _unreadable(folder: Path, error: OSError) -> LeftOut:
    text = f'"{folder}" cannot be read ({reason(error)}); allow it, or the case is left out.'
    return LeftOut("UNREADABLE", text, folder, CaseFiles(folder.name, folder / _CT_NAMES[0], folder))


def _splits(meta: Path, cases: Iterable[str]) -> tuple[dict[str, str], list[LeftOut]]:
    """Case -> "train", "val" or "test", as far as `meta` says so, and why it says nothing or too little."""
    if not meta.is_file():
        return {}, []
    try:
        table = read_table(meta)
    except InputError as error:
        return {}, [_table_unused(meta, str(error).rstrip("."))]
    if not {"image_id", "split"} <= set(table.columns):
        columns = ", ".join(table.columns) or "nothing"
        why = f"it needs the columns image_id and split, and has {columns}"
        return {}, [_table_unused(meta, why)]
    told = {row["image_id"]: row.get("split", "").lower() for _, row in table.rows if row.get("image_id")}
    given = {case: _SPLIT_WORDS.get(split, split) for case, split in told.items()}
    odd = {case: split for case, split in given.items() if split not in SPLITS}
    splits = {case: split for case, split in given.items() if split in SPLITS}
    if not splits.keys() & set(cases):
        return {}, [_table_unused(meta, "it gives the split of none of the cases here")]
    if odd:
        case, split = next(iter(odd.items()))
        text = (
            f'"{meta}" gives {len(odd)} cases a split other than train, val and test (such as "{split}" for '
            f"{case}); they are taken for cases without a split."
        )
        return splits, [LeftOut("TABLE_NOT_USED", text, meta)]
    return splits, []


def _table_unused(meta: Path, why: str) -> LeftOut:
    text = f'The split in "{meta}" is not used: {why}; correct it, or a new split may be drawn.'
    return LeftOut("TABLE_NOT_USED", text, meta)


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
        for folder in _folders(above):
            ct, truth = folder / _CT_NAMES[0], folder / _TRUTH
            study = parse_study(folder.name)
            patient = "" if study is None else study.subject
            whole = CaseFiles(folder.name, ct, truth, patient=patient, split=split, values=DAP)
            if ct.is_file() and truth.is_file():
                cases.append(whole)
            elif truth.is_file():
                left_out.append(_lacks(folder, "CT_MISSING", f'file "{ct.name}"', whole))
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
    for path in _images(root.rglob("*")):
        if parse_study(stem(path)) is None:
            text = (
                f'"{path}" is not named after a study (AutoPET_<subject>_<five digits>, '
                "psma_<subject>_<date>); rename it, or it is left out."
            )
            yield LeftOut("UNKNOWN_NAME", text, path)


def _alone(study: Study, path: Path, missing: str, root: Path) -> LeftOut:
    text = f'"{path}" has no {missing} for {study} under "{root}"; add it, or the scan is left out.'
    return LeftOut(f"{missing.upper()}_MISSING", text, path)


_CT_ENDING = re.compile(r"(_0000|[_-]ct)$", re.IGNORECASE)


def find_paired_folders(cts: Path, masks: Path) -> Layout:
    """A case for each mask file, with the CT of its name (an image, nnU-Net's ending allowed, or a folder
    with a DICOM series) or of its AutoPET study.

    A mask without CT is left out with the code CT_MISSING, one that several CTs fit with SEVERAL_CTS. Raises
    `InputError` for folders that are missing.
    """
    for folder in (cts, masks):
        if not folder.is_dir():
            raise InputError(
                f'"{folder}" is no folder; '
                + way(
                    "give a folder of CTs and, with --masks, one of masks.",
                    "choose a folder under CTs and, where the masks lie elsewhere, one under Masks.",
                )
            )
    by_name: dict[str, list[Path]] = {}
    for ct in _images(cts.rglob("*")):
        if masks == cts or not ct.is_relative_to(masks):
            by_name.setdefault(_CT_ENDING.sub("", stem(ct)), []).append(ct)
    by_study = cts_by_study(cts)
    cases, left_out = [], []
    for mask in _masks(masks):
        study, series = parse_study(stem(mask)), cts / stem(mask)
        fitting = by_name.get(stem(mask)) or (by_study.get(study, ()) if study else ())
        if not fitting and series.is_dir() and modality_of(series) is not None:
            fitting = [series]
        ct = fitting[0] if fitting else cts / mask.name
        case = CaseFiles(stem(mask), ct, mask, patient=study.subject if study else "")
        if len(fitting) == 1:
            cases.append(case)
        elif fitting:
            text = (
                f'Several CTs fit the mask "{mask}" ("{fitting[0]}", "{fitting[1]}"); remove one, or use '
                "a CSV manifest."
            )
            left_out.append(LeftOut("SEVERAL_CTS", text, mask, case))
        else:
            text = f'No CT under "{cts}" fits the mask "{mask}"; add it, or the case is left out.'
            left_out.append(LeftOut("CT_MISSING", text, mask, case))
    return Layout(tuple(cases), tuple(left_out))


_NNUNET_PARTS = ("Tr", "Va", "Ts")


def find_nnunet(root: Path) -> Layout:
    """The cases of a data set of nnU-Net: `imagesTr/<case>_0000.nii.gz` with `labelsTr/<case>.nii.gz`, and
    the same for Va and Ts. `dataset.json` names the values; further channels are no CTs."""
    pairs = ((root / f"images{part}", root / f"labels{part}") for part in _NNUNET_PARTS)
    found = [find_paired_folders(cts, masks) for cts, masks in pairs if cts.is_dir() and masks.is_dir()]
    return Layout(
        tuple(case for one in found for case in one.cases),
        tuple(left_out for one in found for left_out in one.left_out),
    )


def _masks(folder: Path) -> list[Path]:
    """The mask files of a folder, DICOM ones too."""
    in_dicom = (path for path in folder.glob("*.dcm") if not is_hidden(path) and path.is_file())
    return sorted([*_images(folder.iterdir()), *in_dicom])


def _images(paths: Iterable[Path]) -> list[Path]:
    """The image files among `paths`, without hidden ones and what lies in hidden folders."""
    return sorted(
        path
        for path in paths
        if is_image_name(path) and not is_hidden(path) and "__MACOSX" not in path.parts and path.is_file()
    )


@dataclass(frozen=True)
class KnownLayout:
    """A way in which data sets lie on disk, for people: its `name`, its `files`, and what reads it."""

    name: str
    files: str
    read_by: str


KNOWN: tuple[KnownLayout, ...] = (
    KnownLayout(
        "TotalSegmentator 1 and 2",
        "`CASE/ct.nii.gz`, `CASE/segmentations/<class>.nii.gz`; `meta.csv` gives the split",
        "`segae batch DATA`, `segae-train index --ct DATA`",
    ),
    KnownLayout(
        "nnU-Net",
        "`imagesTr/CASE_0000.nii.gz`, `labelsTr/CASE.nii.gz` (Va, Ts alike); `dataset.json` names the values",
        "`segae batch DATA`, `segae-train index --ct DATA`",
    ),
    KnownLayout(
        "AutoPET with masks of the DAP Atlas",
        "CTs as `PETCT_<subject>/<date ...>-<five digits>/CT.nii.gz` or DICOM series, as "
        "`PSMA_<subject>/<date>/`, or flat with nnU-Net's channels (`fdg_<subject>_<... five digits>_0000`, "
        "`psma_<subject>_<date>_0000`); masks as `AutoPET_<subject>_<five digits>.nii.gz` or named as "
        "their CT",
        "`segae batch CTS --masks MASKS --names dap`, `segae-train index --ct CTS --masks MASKS`",
    ),
    KnownLayout(
        "Two folders with the same names",
        "`CTS/CASE.nii.gz` (or `CASE_0000`, `CASE_ct`) or a DICOM series in `CTS/CASE/`, with "
        "`MASKS/CASE.nii.gz` or `MASKS/CASE.dcm` (SEG, RTSTRUCT)",
        "`segae batch CTS --masks MASKS`",
    ),
    KnownLayout(
        "Samples of the published code",
        "`[train/]SAMPLE/ct.nii.gz`, `SAMPLE/label.nii.gz` (values of the DAP Atlas)",
        "`segae batch DATA`, `segae-train index --ct DATA`",
    ),
    KnownLayout(
        "Manifest",
        "a table with the columns `ct` and `masks`, and where needed `case` and `name` (organ of a binary "
        "mask)",
        "`segae batch manifest.csv`",
    ),
)
