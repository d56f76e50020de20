"""From folders to an index: find, check, split."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

from segae.checks.preflight import run_preflight
from segae.data import Segmentation
from segae.errors import InputError, way
from segae.files import reason
from segae.finding import Finding
from segae.geometry.compare import describe_difference
from segae.geometry.grid import Grid
from segae.io.ct import read_ct
from segae.io.layouts import SPLITS, find_autopet, find_nnunet, find_published, find_totalsegmentator
from segae.io.readers import read_grid
from segae.io.segmentation import read_segmentation
from segae.labels import resolve
from segae.labels.table import LabelTable, is_offered
from segae.progress import Watch
from segae_trainer.data.index import Found, Index, PseudoLabel, Scan, Shares, split_by_patient
from segae_trainer.data.published_layout import pseudo_labels_of

_USUAL = ("EMPTY_MASK",)  # true of many masks of every scan
_OF_ALL = ("UNKNOWN_NAME",)  # said once for all scans that have a mask of that name

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checked:
    """The scan with what it holds, or None when it cannot be used; and the rows that it could have held."""

    scan: Scan | None
    findings: tuple[Finding, ...]
    known: frozenset[int] = frozenset()


def check_scan(scan: Scan) -> Checked:
    """Read CT and masks, and run the checks that come before scoring; nothing is raised for bad files."""
    try:
        return _checked(scan)
    except InputError as error:
        why = str(error)
    except OSError as error:
        why = f'"{error.filename or scan.ct}" cannot be read ({reason(error)}); check its permissions.'
    except Exception as error:  # one scan must not end the index of a data set; the log has the details
        log.exception("Scan %s ended in an error that is a fault of SegAE", scan.name)
        why = f"Fault inside SegAE ({type(error).__name__}: {error}); please report it."
    text = f'The scan "{scan.name}" is left out: {why}'
    return Checked(None, (Finding("UNREADABLE", "error", text, source=str(scan.ct)),))


def _checked(scan: Scan) -> Checked:
    ct = read_ct(scan.ct)
    segmentation = read_segmentation(scan.masks, values=scan.values, table=scan.label_table, ct=ct.place)
    advice = "bring the masks to the CT's grid, or the scan is left out."
    preflight = run_preflight(ct, segmentation, off_grid=advice)
    findings = [f for f in preflight.findings if f.severity != "info" and f.code not in _USUAL]
    if preflight.errors:
        return Checked(None, preflight.errors)
    labels, odd = _fitting(scan.pseudo_labels, ct.grid)
    present = tuple(sorted(_rows(preflight.segmentation)))
    checked = replace(scan, structures=present, pseudo_labels=labels)
    return Checked(checked, (*findings, *odd), _known(segmentation, scan))


def check_scans(scans: Iterable[Scan], workers: int, watch: Watch) -> Iterator[Checked]:
    """`check_scan` of all, in their order, by `workers` processes; raises `Cancelled` between two of them."""
    scans = tuple(scans)
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            try:
                yield from _watched(pool.map(check_scan, scans), len(scans), watch)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
    else:
        yield from _watched(map(check_scan, scans), len(scans), watch)


def _watched(results: Iterator[Checked], total: int, watch: Watch) -> Iterator[Checked]:
    watch.step("checking", 0, total)
    for done, result in enumerate(results, start=1):
        yield result
        watch.step("checking", done, total)


def _known(segmentation: Segmentation, scan: Scan) -> frozenset[int]:
    """Rows that a file for each structure says it knows, empty ones included; a label map may know all."""
    if not scan.masks.is_dir():
        return frozenset(structure.index for structure in scan.label_table.offered)
    return _rows(segmentation)


def _rows(segmentation: Segmentation) -> frozenset[int]:
    structures = (segment.structure for segment in segmentation.segments)
    return frozenset(structure.index for structure in structures if structure and is_offered(structure))


def _fitting(labels: tuple[PseudoLabel, ...], grid: Grid) -> tuple[tuple[PseudoLabel, ...], list[Finding]]:
    """The pseudo labels on the CT's grid, and a finding for each other file. Only headers are read."""
    told = {path: misfit(path, grid) for path in dict.fromkeys(label.path for label in labels)}
    findings = [finding for finding in told.values() if finding is not None]
    return tuple(label for label in labels if told[label.path] is None), findings


def misfit(path: Path, ct: Grid | Path) -> Finding | None:
    """Why the mask at `path` cannot belong to the CT (a grid, or a file): its header, or that of the CT."""
    grid = ct if isinstance(ct, Grid) else _read_grid(ct)
    own = _read_grid(path)
    if own is None or grid is None:
        text = f'"{path if own is None else ct}" could not be read as an image; copy it again or remove it.'
        return Finding("UNREADABLE", "warning", text, source=str(path))
    difference = describe_difference(own, grid, any_order=True)
    if difference is None:
        return None
    text = f'"{path}" does not lie on the grid of its CT ({difference}) and is left out; predict it again.'
    return Finding("GRID_DIFFERS", "warning", text, source=str(path))


def _read_grid(path: Path) -> Grid | None:
    """Grid of an image file, or of a folder with a DICOM series; None when it is none."""
    try:
        return read_grid(path)
    except InputError:
        return None


Layout = Literal["autopet", "totalsegmentator", "published", "nnunet"]
SEED = 2026
_SHOWN = 12


def build_index(
    ct: str | Path,
    masks: str | Path | None = None,
    *,
    layout: Layout | None = None,
    label_table: LabelTable | None = None,
    structures: Collection[str] | None = None,
    shares: Shares = Shares(),  # noqa: B008 (frozen)
    seed: int = SEED,
    keep_split: bool = True,
    workers: int = 1,
    watch: Watch | None = None,
) -> Index:
    """All usable scans below `ct` with their masks, split by patient.

    `masks` is the folder of DAP Atlas masks, with CTs in one of AutoPET's layouts; other layouts need only
    `ct`. `layout` None recognises it. `label_table`: what names and label values mean (None: the default
    one); the index keeps it. `structures` keeps these, by name, and demands that each is found.
    `keep_split` keeps the split that a layout brings along when it has training and validation scans.
    Scans that do not fit are left out, and the findings of the index say why.

    Raises `InputError` when no scan can be used, all are of one patient, or a demanded structure is in none.
    """
    watch, table = watch or Watch(), label_table or LabelTable.default()
    ct, masks = _folder(ct), None if masks is None else _folder(masks)
    found = _find(ct, masks, layout or recognise_layout(ct, masks), table)
    results = list(check_scans(found.scans, workers, watch))
    of_scans = (finding for result in results for finding in result.findings)
    findings = [*found.findings, *_once_each(of_scans)]
    scans = [result.scan for result in results if result.scan is not None]
    if not scans:
        why = findings[0].message if findings else "nothing was found."
        raise InputError(f'No scan under "{ct}" can be used; the first reason: {why}')
    wanted = None
    if structures is not None:
        wanted = {resolve(name, table=table).structure.index for name in structures}
    findings += _missing_everywhere(results, scans, wanted, ct, table)
    if wanted is not None:
        scans = [_only(scan, wanted) for scan in scans]
    scans, about_split = _split(scans, shares, seed, keep_split)
    return Index(tuple(sorted(scans, key=lambda s: s.name)), (*findings, *about_split), seed)


def _once_each(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, of which those that hold for a mask of one name in many scans are said once."""
    said: dict[tuple[str, tuple[str, ...]], list[Finding]] = {}
    for finding in findings:
        if finding.code in _OF_ALL and finding.segments:
            said.setdefault((finding.code, finding.segments), []).append(finding)
        else:
            said[finding.code, (str(len(said)),)] = [finding]
    return [group[0] if len(group) == 1 else _of_many(group) for group in said.values()]


def _of_many(group: list[Finding]) -> Finding:
    text = f"{group[0].message.rstrip('.')}; so it is in {len(group)} scans."
    return replace(group[0], message=text)


def recognise_layout(ct: Path, masks: Path | None) -> Layout:
    """The layout of a folder; AutoPET when masks lie elsewhere. Raises `InputError` when it has none."""
    if masks is not None:
        return "autopet"
    if next(ct.glob("*/segmentations"), None):
        return "totalsegmentator"
    if next(ct.glob("labels??"), None) and next(ct.glob("images??"), None):
        return "nnunet"
    if any((ct / split).is_dir() for split in SPLITS) or next(ct.glob("*/label.nii.gz"), None):
        return "published"
    raise InputError(
        f'"{ct}" holds neither cases of TotalSegmentator (s0000/segmentations) nor of nnU-Net (imagesTr and '
        "labelsTr) nor samples of the published data (train/SAMPLE/label.nii.gz); for AutoPET give the "
        "folder of the masks too."
    )


def _find(ct: Path, masks: Path | None, layout: Layout, table: LabelTable) -> Found:
    if layout == "autopet":
        if masks is None:
            raise InputError(f'The CTs in "{ct}" need the folder of the DAP Atlas masks; give it as well.')
        found = find_autopet(ct, masks)
    else:
        find = {"totalsegmentator": find_totalsegmentator, "nnunet": find_nnunet, "published": find_published}
        found = find[layout](ct)
    if not found.cases and not found.left_out:
        raise InputError(f'"{ct}" holds no case in the layout "{layout}"; give the folder above the cases.')
    findings = [Finding(one.code, "warning", one.message, source=str(one.source)) for one in found.left_out]
    scans = []
    for case in found.cases:
        labels, odd = pseudo_labels_of(case, table) if layout == "published" else ((), [])
        findings += odd
        patient = case.patient or case.case
        scans.append(
            Scan(
                case.case, patient, case.ct, case.masks, pseudo_labels=labels, split=case.split,
                label_table=table, values=case.values,
            )
        )  # fmt: skip
    return Found(tuple(scans), tuple(findings))


def _folder(path: str | Path) -> Path:
    if not Path(path).is_dir():
        raise InputError(f'There is no folder "{path}"; check the path.')
    return Path(path)


def _missing_everywhere(
    results: list[Checked], scans: list[Scan], wanted: set[int] | None, root: Path, table: LabelTable
) -> list[Finding]:
    """Finding CLASS_MISSING for structures that are known and have voxels in no scan."""
    known = frozenset[int]().union(*(result.known for result in results))
    missing = sorted((known if wanted is None else wanted) - {i for scan in scans for i in scan.structures})
    if not missing:
        return []
    names = ", ".join(str(table.by_index(index)) for index in missing[:_SHOWN])
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
    """The scans with their split, and what was done about a split that the layout gives in part only.

    What is given to validate or to test on stays so. Patients without a split are trained on; where nothing
    is given to validate on, a share of those to train on is drawn.
    """
    given = {scan.split for scan in scans} - {""}
    if not keep or not given:
        split = split_by_patient((scan.patient for scan in scans), shares, seed)
        return [replace(scan, split=split[scan.patient]) for scan in scans], []
    findings = _shared_patients(scans)
    of_patient = {scan.patient: scan.split for scan in scans if scan.split}
    rest = {scan.patient: of_patient.get(scan.patient, "train") for scan in scans if not scan.split}
    if rest:
        text = (
            f"The split that comes with the data leaves out {len(rest)} patients ({', '.join([*rest][:3])}, "
            "...); they are trained on, unless other scans of them are not."
        )
        findings.append(Finding("SPLIT_COMPLETED", "warning", text))
    if "val" not in given:
        free = {scan.patient for scan in scans} - {p for p, split in of_patient.items() if split == "test"}
        rest = split_by_patient(free, Shares(shares.val, 0.0), seed)
        text = (
            "The split that comes with the data has no scans to validate on; some of the patients to train "
            "on were drawn for it."
        )
        findings.append(Finding("SPLIT_COMPLETED", "warning", text))
    decided = [replace(scan, split=_decided(scan, rest)) for scan in scans]
    if not {"train", "val"} <= {scan.split for scan in decided}:
        raise InputError(
            "The split that comes with the data leaves nothing to train on; add scans"
            + way(", or split anew (--new-split).", " to its part for training.")
        )
    return decided, findings


def _decided(scan: Scan, rest: Mapping[str, str]) -> str:
    return scan.split if scan.split in ("val", "test") else rest.get(scan.patient, scan.split or "train")


def _shared_patients(scans: list[Scan]) -> list[Finding]:
    """Finding PATIENT_IN_TWO_SPLITS for patients whom a given split does not keep together."""
    findings = []
    for patient in sorted({scan.patient for scan in scans}):
        splits = sorted({scan.split for scan in scans if scan.patient == patient})
        if len(splits) > 1:
            text = f'Scans of patient "{patient}" are in {" and ".join(splits)}; split anew.'
            findings.append(Finding("PATIENT_IN_TWO_SPLITS", "warning", text))
    return findings
