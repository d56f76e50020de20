"""Take up what a segmenter predicted, STU-Net or any other, as pseudo labels of an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from segae.errors import InputError
from segae.finding import Finding
from segae.io.label_names import label_names
from segae.io.readers import is_image_name, read_image, stem
from segae.labels.identify import identify
from segae.labels.schemes import schemes
from segae.labels.table import LabelTable, is_offered
from segae_trainer.data.find_scans import misfit
from segae_trainer.data.index import Index, PseudoLabel, Scan


def add_predictions(
    index: Index,
    folder: str | Path,
    source: str | None = None,
    *,
    expert: bool = False,
    names: Path | None = None,
) -> Index:
    """`index` with the masks in `folder` as pseudo labels that `source` (the folder's name) made; `expert`:
    people drew or corrected them.

    For each scan `folder` holds a label map `<scan>.nii.gz` or a folder `<scan>/` of binary files named by
    structure. The values of a label map are named by `names` (a file, or a scheme such as "dap", whose values
    are rows of the label table), by its header, or by a file beside it. Structures that the true masks have
    and a label map lacks become empty pseudo labels. Scans without prediction, or with one on another grid,
    get none and a finding.

    Raises `InputError` when `folder` holds a prediction of no scan, or a label map that nothing names.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f'There is no folder "{folder}" with predictions; check the path.')
    source = source or folder.name
    scans, findings = [], []
    for scan in index.scans:
        labels, finding = _of_scan(scan, folder, source, names)
        labels = [replace(label, expert=expert) for label in labels]
        others = tuple(label for label in scan.pseudo_labels if label.source != source)
        scans.append(replace(scan, pseudo_labels=(*others, *labels)))
        findings += [] if finding is None else [finding]
    if not any(label.source == source for scan in scans for label in scan.pseudo_labels):
        why = (
            f"the first reason: {findings[0].message}"
            if findings
            else "name its files by structure (liver.nii.gz), or give label maps with voxels."
        )
        raise InputError(f'"{folder}" holds no prediction that can be used; {why}')
    return Index(tuple(scans), (*index.findings, *findings), index.seed)


def _of_scan(
    scan: Scan, folder: Path, source: str, names: Path | None
) -> tuple[list[PseudoLabel], Finding | None]:
    files = [path for path in folder.glob(f"{_escaped(scan.name)}.*") if stem(path) == scan.name]
    files = [path for path in files if is_image_name(path)]
    masks = sorted(path for path in (folder / scan.name).glob("*") if is_image_name(path))
    if not files and not masks:
        text = (
            f'"{folder}" holds no prediction of "{scan.name}"; predict it, or the scan is trained on without.'
        )
        return [], Finding("PREDICTION_MISSING", "warning", text, source=str(folder))
    finding = misfit((files or masks)[0], scan.ct)
    if finding is not None:
        return [], finding
    if files:
        return _in_label_map(scan, files[0], source, names), None
    return _in_folder(masks, source, scan.label_table), None


def _in_label_map(scan: Scan, path: Path, source: str, names: Path | None) -> list[PseudoLabel]:
    rows = _rows(path, scan.label_table, names)
    present = {int(value) for value in np.unique(read_image(path).voxels)}
    return [
        PseudoLabel(row, source, path, value)
        for value, row in sorted(rows.items())
        if value in present or row in scan.structures
    ]


def _rows(path: Path, table: LabelTable, names: Path | None) -> Mapping[int, int]:
    """Value in the file -> row of the label table; regions of several values are none."""
    labels = label_names(path, names, table=table).labels
    if not labels:
        raise InputError(
            f'Nothing says what the values of "{path}" stand for; give --names with a file that says it, or '
            f"with the scheme that it follows: {', '.join(schemes())}."
        )
    found = {
        one.values[0]: identify(one.name, table=table).structure for one in labels if len(one.values) == 1
    }
    return {
        value: structure.index for value, structure in found.items() if structure and is_offered(structure)
    }


def _in_folder(masks: list[Path], source: str, table: LabelTable) -> list[PseudoLabel]:
    found = ((identify(stem(path), table=table).structure, path) for path in masks)
    return [PseudoLabel(s.index, source, path) for s, path in found if s is not None and is_offered(s)]


def _escaped(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)
