"""Columns of a vtkMRMLTableNode that come back from a file as they went in.

Slicer writes tables as delimited text with six digits and does not escape quotes or line ends (seen in VTK
9.6). So text is stored with those characters as %XX, and exact numbers as text beside the rounded ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

import vtk

from segae.errors import InputError
from segae.results.record import ROW_TYPES, header_of, parse_strict_json, report_from, row_values, strict_json
from segae.results.types import POOR, QualityReport
from segae.results.verdicts import judge
from SegAELib.mrml.binding import Scene, SegmentationNode, TableNode, VolumeNode, nodes_of_class
from SegAELib.mrml.edits import Fingerprint

_UNSAFE = '%"\t\n\r\x0b\x0c\x85\u2028\u2029'
_ESCAPES = str.maketrans({c: quote(c, safe="") for c in _UNSAFE})
_COLUMN_TYPES = {str: vtk.vtkStringArray, int: vtk.vtkIntArray, float: vtk.vtkDoubleArray}


def encode(text: str) -> str:
    """`text` without characters that a delimited file cannot hold."""
    return text.translate(_ESCAPES)


def decode(text: str) -> str:
    """Inverse of `encode`."""
    return unquote(text, errors="strict")


def column(name: str, kind: type, values: Iterable[str | int | float]) -> vtk.vtkAbstractArray:
    """A named VTK array of `kind` (str, int or float)."""
    array = _COLUMN_TYPES[kind]()
    array.SetName(name)
    for value in values:
        array.InsertNextValue(encode(str(value)) if kind is str else kind(value))
    return array


def set_columns(node: TableNode, columns: Sequence[vtk.vtkAbstractArray]) -> None:
    """Replace all columns of a table node at once, with one event."""
    table = vtk.vtkTable()
    for array in columns:
        table.AddColumn(array)
    node.SetAndObserveTable(table)


def values_of(node: TableNode, name: str, kind: type) -> list:
    """A column as Python values of `kind`; raises `InputError` when it is missing or holds other types."""
    array = node.GetTable().GetColumnByName(name)
    if array is None:
        raise InputError(
            f'Table "{node.GetName()}" has no column "{name}"; it was not written by SegAE, or changed.'
        )
    raw = [array.GetValue(row) for row in range(array.GetNumberOfTuples())]
    try:
        return [decode(str(value)) for value in raw] if kind is str else [kind(value) for value in raw]
    except ValueError as error:
        raise InputError(
            f'Column "{name}" of "{node.GetName()}" was changed outside of SegAE ({error}); score again.'
        ) from error


KIND = "SegAE.Table"  # attribute that tells what a table of SegAE holds
RESULTS = "results"
SEGMENTATION_ROLE, VOLUME_ROLE = "SegAE.Segmentation", "SegAE.Volume"
_HEADER, _IDS = "SegAE.Report", "SegAE.SegmentIDs"
_FLOATS = [name for name, kind in ROW_TYPES.items() if kind is float]
_AXES = "kji"  # array axes 0, 1, 2


@dataclass(frozen=True)
class StoredResults:
    """What a results table gives back: the report, and by segment id the names in it and what was scored."""

    report: QualityReport
    segment_ids: dict[str, str]
    fingerprints: dict[str, Fingerprint]


def write_results(
    node: TableNode,
    report: QualityReport,
    segment_ids: Mapping[str, str],
    fingerprints: Mapping[str, Fingerprint] | None = None,
    *,
    segmentation: SegmentationNode | None = None,
    volume: VolumeNode | None = None,
) -> None:
    """Fill a table node that is in a scene, replacing what it held.

    `segment_ids`: segment id by the name in the report, of empty segments too. `fingerprints`: by segment id,
    so that edits are noticed after reloading. The numeric columns are for people and plots, as is "verdict",
    that of the whole segment; the column "exact" keeps all digits.
    """
    rows = [row_values(row) for row in report.slices]
    ids = [segment_ids.get(row.segment, "") for row in report.slices]
    columns = [
        column(name, kind, (float("nan") if row[n] is None else row[n] for row in rows))
        for n, (name, kind) in enumerate(ROW_TYPES.items())
    ]
    verdicts = {one.segment: one.verdict for one in judge(report, POOR)}
    columns.append(column("verdict", str, (verdicts.get(row.segment, "") for row in report.slices)))
    columns.append(column("segment_id", str, ids))
    columns.append(column("fingerprint", str, _digests(report, ids, fingerprints or {})))
    columns.append(column("exact", str, (_exact(row) for row in rows)))
    was = node.StartModify()
    set_columns(node, columns)
    node.SetLocked(True)
    node.SetAttribute(KIND, RESULTS)
    node.SetAttribute("SegAE.Model", report.model.label)
    node.SetAttribute("SegAE.ModelSHA256", report.model.sha256)
    node.SetAttribute("SegAE.ModelArchitecture", report.model.architecture)
    node.SetAttribute(_HEADER, strict_json(header_of(report)))
    node.SetAttribute(_IDS, strict_json(dict(segment_ids)))
    for role, target in ((SEGMENTATION_ROLE, segmentation), (VOLUME_ROLE, volume)):
        if target is not None:
            node.SetNodeReferenceID(role, target.GetID())
    node.EndModify(was)


def create_results_table(scene: Scene, name: str) -> TableNode:
    """An empty table node for results."""
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    node.SetAttribute(KIND, RESULTS)
    return node


def read_results(node: TableNode) -> StoredResults:
    """What `write_results` stored; raises `InputError` for a table of other origin, or a changed one."""
    header = node.GetAttribute(_HEADER)
    if header is None:
        raise InputError(
            f'Table "{node.GetName()}" holds no SegAE results; choose another one or score again.'
        )
    columns = {name: values_of(node, name, kind) for name, kind in ROW_TYPES.items()}
    ids, digests = values_of(node, "segment_id", str), values_of(node, "fingerprint", str)
    try:
        for name, values in zip(_FLOATS, _exact_columns(values_of(node, "exact", str)), strict=True):
            columns[name] = values
        report = report_from(parse_strict_json(header), zip(*columns.values(), strict=True))
        names = dict(parse_strict_json(node.GetAttribute(_IDS) or "{}"))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f'Table "{node.GetName()}" was changed outside of SegAE ({error}); score again.'
        ) from error
    axis = _AXES.index(report.slice_axis)
    names |= {row.segment: segment_id for row, segment_id in zip(report.slices, ids, strict=True)}
    prints: dict[str, dict[int, str]] = {
        segment_id: {} for segment_id in set(names.values()).difference(ids)
    }  # empty when it was scored
    for row, segment_id, digest in zip(report.slices, ids, digests, strict=True):
        if digest:
            prints.setdefault(segment_id, {})[row.slice] = digest
    return StoredResults(report, names, {i: Fingerprint(axis, found) for i, found in prints.items()})


def find_results(segmentation: SegmentationNode) -> TableNode | None:
    """The newest results table of a segmentation in its scene."""
    return find_table(segmentation, RESULTS)


def find_table(segmentation: SegmentationNode, kind: str) -> TableNode | None:
    """The newest table of SegAE of one kind that refers to `segmentation`."""
    tables = nodes_of_class(segmentation.GetScene(), "vtkMRMLTableNode")
    fitting = [
        table
        for table in tables
        if table.GetAttribute(KIND) == kind
        and table.GetNodeReferenceID(SEGMENTATION_ROLE) == segmentation.GetID()
    ]
    return fitting[-1] if fitting else None


def _digests(report: QualityReport, ids: list[str], fingerprints: Mapping[str, Fingerprint]) -> list[str]:
    known = {i: fingerprint.digests for i, fingerprint in fingerprints.items()}
    return [known.get(i, {}).get(row.slice, "") for row, i in zip(report.slices, ids, strict=True)]


def _exact(row: list) -> str:
    """The floating-point values of a row with all their digits, "-" for none."""
    floats = (value for value, kind in zip(row, ROW_TYPES.values(), strict=True) if kind is float)
    return " ".join("-" if value is None else repr(value) for value in floats)


def _exact_columns(rows: list[str]) -> list[list[float | None]]:
    parsed = [[None if word == "-" else float(word) for word in row.split(" ")] for row in rows]
    return [list(values) for values in zip(*parsed, strict=True)] if parsed else [[] for _ in _FLOATS]
