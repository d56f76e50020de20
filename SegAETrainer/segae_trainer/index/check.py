"""Open every scan of a layout and keep those whose CT and masks fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import SimpleITK

from segae.data import Segmentation
from segae.errors import InputError
from segae.geometry.compare import describe_difference
from segae.geometry.grid import Grid
from segae.io import read_ct, read_segmentation
from segae.io.space import grid_from_lps
from segae.labels import offered_structures
from segae.labels.table import is_offered
from segae.preflight import Finding, run_preflight
from segae.progress import Watch
from segae_trainer.index.scan import PseudoLabel, Scan

_USUAL = ("EMPTY_MASK", "UNKNOWN_NAME")  # true of many masks of every scan


@dataclass(frozen=True)
class Checked:
    """The scan with what it holds, or None when it cannot be used; and the rows that it could have held."""

    scan: Scan | None
    findings: tuple[Finding, ...]
    known: frozenset[int] = frozenset()


def check_scan(scan: Scan) -> Checked:
    """Read CT and masks, and run the checks that come before scoring; nothing is raised for bad files."""
    try:
        ct, segmentation = read_ct(scan.ct), read_segmentation(scan.masks)
    except InputError as error:
        return Checked(None, (Finding("UNREADABLE", "error", str(error), source=str(scan.ct)),))
    preflight = run_preflight(ct, segmentation)
    findings = [f for f in preflight.findings if f.severity != "info" and f.code not in _USUAL]
    if preflight.errors:
        return Checked(None, tuple(_with_advice(error) for error in preflight.errors))
    labels, odd = _fitting(scan.pseudo_labels, ct.grid)
    present = tuple(sorted(_rows(preflight.segmentation)))
    checked = replace(scan, structures=present, pseudo_labels=labels)
    return Checked(checked, (*findings, *odd), _known(segmentation, scan.masks))


def _with_advice(error: Finding) -> Finding:
    """Scoring can resample masks on another grid; here somebody has to do it before."""
    if error.code != "GRID_DIFFERS":
        return error
    what = error.message.rpartition("; ")[0]
    return replace(error, message=f"{what}; bring the masks to the CT's grid, or the scan is left out.")


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


def _known(segmentation: Segmentation, masks: Path) -> frozenset[int]:
    """Rows that a file for each structure says it knows, empty ones included; a label map may know all."""
    if not masks.is_dir():
        return frozenset(structure.index for structure in offered_structures())
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
    difference = describe_difference(own, grid)
    if difference is None:
        return None
    text = f'"{path}" does not lie on the grid of its CT ({difference}) and is left out; predict it again.'
    return Finding("GRID_DIFFERS", "warning", text, source=str(path))


def _read_grid(path: Path) -> Grid | None:
    """Grid of an image file, or of a folder with a DICOM series; None when it is none."""
    if path.is_dir():
        return read_ct(path).grid
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return None
    return grid_from_lps(reader.GetSize(), reader.GetSpacing(), reader.GetDirection(), reader.GetOrigin())
