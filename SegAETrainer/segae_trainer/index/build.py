"""From folders to an index: find, check, split."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Literal

from segae.errors import InputError
from segae.labels import by_index, resolve
from segae.preflight import Finding
from segae.progress import Watch
from segae_trainer.index.autopet import find_autopet
from segae_trainer.index.check import Checked, check_scans
from segae_trainer.index.published import find_published
from segae_trainer.index.scan import SPLITS, Found, Index, Scan
from segae_trainer.index.split import Shares, split_by_patient
from segae_trainer.index.totalsegmentator import find_totalsegmentator

Layout = Literal["autopet", "totalsegmentator", "published"]
SEED = 2026
_SHOWN = 12


def build_index(
    ct: str | Path,
    masks: str | Path | None = None,
    *,
    layout: Layout | None = None,
    structures: Collection[str] | None = None,
    shares: Shares = Shares(),  # noqa: B008 (frozen)
    seed: int = SEED,
    keep_split: bool = True,
    workers: int = 1,
    watch: Watch | None = None,
) -> Index:
    """All usable scans below `ct` with their masks, split by patient.

    `masks` is the folder of DAP Atlas masks, with CTs in one of AutoPET's layouts; other layouts need only
    `ct`. `layout` None recognises it. `structures` keeps these, by name, and demands that each is found.
    `keep_split` keeps the split that a layout brings along when it has training and validation scans.
    Scans that do not fit are left out, and the findings of the index say why.

    Raises `InputError` when no scan can be used, all are of one patient, or a demanded structure is in none.
    """
    watch = watch or Watch()
    ct, masks = _folder(ct), None if masks is None else _folder(masks)
    found = _find(ct, masks, layout or recognise_layout(ct, masks))
    results = list(check_scans(found.scans, workers, watch))
    findings = [*found.findings, *(finding for result in results for finding in result.findings)]
    scans = [result.scan for result in results if result.scan is not None]
    if not scans:
        why = findings[0].message if findings else "nothing was found."
        raise InputError(f'No scan under "{ct}" can be used; the first reason: {why}')
    wanted = None if structures is None else {resolve(name).structure.index for name in structures}
    findings += _missing_everywhere(results, scans, wanted, ct)
    if wanted is not None:
        scans = [_only(scan, wanted) for scan in scans]
    scans, about_split = _split(scans, shares, seed, keep_split)
    return Index(tuple(sorted(scans, key=lambda s: s.name)), (*findings, *about_split), seed)


def recognise_layout(ct: Path, masks: Path | None) -> Layout:
    """The layout of a folder; AutoPET when masks lie elsewhere. Raises `InputError` when it has none."""
    if masks is not None:
        return "autopet"
    if next(ct.glob("*/segmentations"), None):
        return "totalsegmentator"
    if any((ct / split).is_dir() for split in SPLITS) or next(ct.glob("*/label.nii.gz"), None):
        return "published"
    raise InputError(
        f'"{ct}" holds neither cases of TotalSegmentator (s0000/segmentations) nor samples of the published '
        "data (train/SAMPLE/label.nii.gz); for AutoPET give the folder of the masks too."
    )


def _find(ct: Path, masks: Path | None, layout: Layout) -> Found:
    if layout == "autopet":
        if masks is None:
            raise InputError(f'The CTs in "{ct}" need the folder of the DAP Atlas masks; give it as well.')
        return find_autopet(ct, masks)
    return find_totalsegmentator(ct) if layout == "totalsegmentator" else find_published(ct)


def _folder(path: str | Path) -> Path:
    if not Path(path).is_dir():
        raise InputError(f'There is no folder "{path}"; check the path.')
    return Path(path)


def _missing_everywhere(
    results: list[Checked], scans: list[Scan], wanted: set[int] | None, root: Path
) -> list[Finding]:
    """Finding CLASS_MISSING for structures that are known and have voxels in no scan."""
    known = frozenset[int]().union(*(result.known for result in results))
    missing = sorted((known if wanted is None else wanted) - {i for scan in scans for i in scan.structures})
    if not missing:
        return []
    names = ", ".join(str(by_index(index)) for index in missing[:_SHOWN])
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    text = (
        f'None of the {len(scans)} scans under "{root}" has voxels of {names}{more}, so that no model can '
        "learn them; add scans that show them or leave them out."
    )
    if wanted is not None:
        raise InputError(text)
    return [Finding("CLASS_MISSING", "warning", text, source=str(root))]


def _only(scan: Scan, wanted: set[int]) -> Scan:
    return replace(
        scan,
        structures=tuple(index for index in scan.structures if index in wanted),
        pseudo_labels=tuple(label for label in scan.pseudo_labels if label.structure in wanted),
    )


def _split(scans: list[Scan], shares: Shares, seed: int, keep: bool) -> tuple[list[Scan], list[Finding]]:
    given = {scan.split for scan in scans}
    if keep and {"train", "val"} <= given and "" not in given:
        return scans, _shared_patients(scans)
    split = split_by_patient((scan.patient for scan in scans), shares, seed)
    return [replace(scan, split=split[scan.patient]) for scan in scans], []


def _shared_patients(scans: list[Scan]) -> list[Finding]:
    """Finding PATIENT_IN_TWO_SPLITS for patients whom a given split does not keep together."""
    findings = []
    for patient in sorted({scan.patient for scan in scans}):
        splits = sorted({scan.split for scan in scans if scan.patient == patient})
        if len(splits) > 1:
            text = f'Scans of patient "{patient}" are in {" and ".join(splits)}; split anew.'
            findings.append(Finding("PATIENT_IN_TWO_SPLITS", "warning", text))
    return findings
