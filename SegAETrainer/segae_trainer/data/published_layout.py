"""The data set layout of the published code, read and written.

`SPLIT/SAMPLE/ct.nii.gz`, `SPLIT/SAMPLE/label.nii.gz` (rows of the label table), and
`SPLIT/SAMPLE/NAME_INDEX/*.nii.gz`: a binary pseudo label per checkpoint, INDEX being the row of the
label table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from segae.errors import OutputError
from segae.finding import Finding
from segae.io.ct import read_ct
from segae.io.layouts import SPLITS, CaseFiles
from segae.io.readers import is_image_name, read_grid, stem
from segae.labels.structure import Structure
from segae.labels.table import LabelTable, is_offered
from segae.progress import Watch
from segae_trainer.data.index import PseudoLabel, Scan
from segae_trainer.data.scan_files import copy_file, read_pseudo_label, read_truth, write_nifti

_CLASS = re.compile(r"(.+)_(\d+)")


def pseudo_labels_of(case: CaseFiles, table: LabelTable) -> tuple[tuple[PseudoLabel, ...], list[Finding]]:
    """The pseudo labels beside a sample's CT, and a finding UNKNOWN_NAME for each folder that is not named
    NAME_INDEX."""
    labels, findings = [], []
    for folder in sorted(path for path in case.ct.parent.iterdir() if path.is_dir()):
        match = _CLASS.fullmatch(folder.name)
        structure = table.get(int(match[2])) if match else None
        if structure is None or not is_offered(structure):
            text = f'"{folder}" is not named NAME_INDEX by a row of the label table and left out; rename it.'
            findings.append(Finding("UNKNOWN_NAME", "warning", text, source=str(folder)))
            continue
        files = sorted(path for path in folder.iterdir() if is_image_name(path))
        labels += [PseudoLabel(structure.index, stem(path), path) for path in files]
    return tuple(labels), findings


def write_published(scans: Iterable[Scan], folder: Path, watch: Watch | None = None) -> None:
    """Write `scans` below `folder`; what is there already is left as it is, so that a stopped run goes on.

    The published code takes what follows the first underscore for the index, so underscores in names become
    blanks. Raises `OutputError` for a scan without split or two scans of one name.
    """
    scans, watch = tuple(scans), watch or Watch()
    names = [scan.name for scan in scans]
    for scan in scans:
        if scan.split not in SPLITS:
            raise OutputError(f'The scan "{scan.name}" is in no split; split the index before writing it.')
        if names.count(scan.name) > 1:
            raise OutputError(f'Two scans are called "{scan.name}"; give them different names.')
    for done, scan in enumerate(scans):
        watch.step("writing", done, len(scans))
        _write_sample(scan, folder / scan.split / scan.name)
    watch.step("writing", len(scans), len(scans))


def class_folder(structure: Structure) -> str:
    """Folder name NAME_INDEX of a row of the label table."""
    return f"{structure.name.replace('_', ' ')}_{structure.index}"


def _write_sample(scan: Scan, folder: Path) -> None:
    if not (folder / "ct.nii.gz").exists():
        if scan.ct.name.lower().endswith(".nii.gz"):
            copy_file(scan.ct, folder / "ct.nii.gz")
        else:
            ct = read_ct(scan.ct)
            write_nifti(folder / "ct.nii.gz", ct.voxels, ct.grid)
    if not (folder / "label.nii.gz").exists():
        write_nifti(folder / "label.nii.gz", *read_truth(scan, read_grid(scan.ct)))
    for label in scan.pseudo_labels:
        target = folder / class_folder(scan.label_table.by_index(label.structure)) / f"{label.source}.nii.gz"
        if not target.exists():
            mask, grid = read_pseudo_label(label)
            write_nifti(target, mask.astype(np.uint8), grid)
