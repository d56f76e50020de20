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
from segae.results.columns import SLICES
from segae.results.record import KINDS, header_of, parse_strict_json, report_from, row_values, strict_json
from segae.results.types import CaseReport
from SegAELib.mrml.binding import Node, Scene, SegmentationNode, TableNode, VolumeNode, nodes_of_class
from SegAELib.mrml.edits import Fingerprint
from SegAELib.mrml.nodes import default_volume

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
_HEADER, _IDS, _UNSCORED = "SegAE.Report", "SegAE.SegmentIDs", "SegAE.UnscoredSlices"
_FLOATS = [one.name for one in SLICES if one.kind is float]
_FIRST_FLOATS = (  # of version 0.1, in its order
    "x", "y", "z", "area_mm2", "score", "interval_low", "interval_high", "overlap_mm2", "organ_mm2",
)  # fmt: skip
_AXES = "kji"  # array axes 0, 1, 2


@dataclass(frozen=True)
class StoredResults:
    """What a results table gives back: the report, the ids of its segments in their order, and by segment id
    what was scored."""

    report: CaseReport
    segment_ids: list[str]
    fingerprints: dict[str, Fingerprint]


def write_results(
    node: TableNode,
    report: CaseReport,
    segment_ids: Sequence[str],
    fingerprints: Mapping[str, Fingerprint] | None = None,
    *,
    segmentation: SegmentationNode | None = None,
    volume: VolumeNode | None = None,
) -> None:
    """Fill a table node that is in a scene, replacing what it held.

    `segment_ids`: of the report's segments, in their order. `fingerprints`: by segment id, so that edits are
    noticed after reloading. The numeric columns are for people and plots, as is "verdict", that of the whole
    segment; the column "exact" keeps all digits.
    """
    owners = [(i, one) for i, one in zip(segment_ids, report.segments, strict=True) for _ in one.slices]
    ids, values = [i for i, _ in owners], list(zip(*row_values(report), strict=True)) or [()] * len(SLICES)
    columns = [
        column(one.name, one.kind, (float("nan") if value is None else value for value in values[n]))
        for n, one in enumerate(SLICES)
    ]
    columns.append(column("verdict", str, (one.verdict or "" for _, one in owners)))
    columns.append(column("segment_id", str, ids))
    prints = _of_scored(report, segment_ids, fingerprints or {})
    columns.append(column("fingerprint", str, _digests(report, ids, prints)))
    floats = zip(*(values[n] for n, one in enumerate(SLICES) if one.kind is float), strict=True)
    columns.append(column("exact", str, (_exact(row) for row in floats)))
    was = node.StartModify()
    set_columns(node, columns)
    node.SetLocked(True)
    node.SetAttribute(KIND, RESULTS)
    node.SetAttribute("SegAE.Model", report.model.name)
    node.SetAttribute("SegAE.ModelSHA256", report.model.sha256)
    node.SetAttribute("SegAE.ModelArchitecture", report.model.architecture)
    node.SetAttribute(_HEADER, strict_json(header_of(report)))
    node.SetAttribute(_IDS, strict_json(list(segment_ids)))
    unscored = {i: _ranges(one.unscored) for i, one in prints.items() if one.unscored}
    node.SetAttribute(_UNSCORED, strict_json(unscored))
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
    try:
        said = parse_strict_json(header)
        is_first = said["format"] == 1
        floats = [name for name in _FIRST_FLOATS if _has(node, name)] if is_first else _FLOATS
        others = ("segment", "structure_index", "structure", "slice")
        columns = {name: values_of(node, name, KINDS[name]) for name in others}
        columns |= zip(floats, _exact_columns(values_of(node, "exact", str), len(floats)), strict=True)
        ids, digests = values_of(node, "segment_id", str), values_of(node, "fingerprint", str)
        report = report_from(said, list(columns), zip(*columns.values(), strict=True))
        segment_ids = _segment_ids(report, parse_strict_json(node.GetAttribute(_IDS) or "[]"), columns, ids)
        unscored = _unscored(node.GetAttribute(_UNSCORED), segment_ids)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f'Table "{node.GetName()}" was changed outside of SegAE ({error}); score again.'
        ) from error
    axis = _AXES.index(report.slice_axis)
    prints: dict[str, dict[int, str]] = {i: {} for i in segment_ids if i not in ids}  # empty when scored
    for index, segment_id, digest in zip(columns["slice"], ids, digests, strict=True):
        if digest:
            prints.setdefault(segment_id, {})[index] = digest
    fingerprints = {i: Fingerprint(axis, found, unscored[i]) for i, found in prints.items() if i in unscored}
    return StoredResults(report, segment_ids, fingerprints)


def _segment_ids(
    report: CaseReport, stored: list[str] | dict[str, str], columns: Mapping[str, list], ids: list[str]
) -> list[str]:
    """The ids of the report's segments. Version 0.1 kept them by the names in the report."""
    if isinstance(stored, list):
        return [str(segment_id) for _, segment_id in zip(report.segments, stored, strict=True)]
    by_name = {**stored, **dict(zip(columns["segment"], ids, strict=True))}
    return [by_name[segment.segment] for segment in report.segments]


def _has(node: TableNode, name: str) -> bool:
    return node.GetTable().GetColumnByName(name) is not None


def find_results(segmentation: SegmentationNode) -> TableNode | None:
    """The newest results table of a segmentation in its scene."""
    return find_table(segmentation, RESULTS)


def tables_of(segmentation: SegmentationNode) -> list[TableNode]:
    """All tables of SegAE that refer to `segmentation`."""
    tables = nodes_of_class(segmentation.GetScene(), "vtkMRMLTableNode")
    return [
        table
        for table in tables
        if table.GetAttribute(KIND) and table.GetNodeReferenceID(SEGMENTATION_ROLE) == segmentation.GetID()
    ]


def ct_of(scene: Scene, segmentation: SegmentationNode | None, current: Node | None) -> Node | None:
    """The CT that a segmentation was scored on, else the one that it most likely belongs to."""
    table = None if segmentation is None else find_results(segmentation)
    scored_on = None if table is None else table.GetNodeReference(VOLUME_ROLE)
    return scored_on or default_volume(scene, segmentation, current)


def find_table(segmentation: SegmentationNode, kind: str) -> TableNode | None:
    """The newest table of SegAE of one kind that refers to `segmentation`."""
    fitting = [table for table in tables_of(segmentation) if table.GetAttribute(KIND) == kind]
    return fitting[-1] if fitting else None


def _digests(report: CaseReport, ids: list[str], fingerprints: Mapping[str, Fingerprint]) -> list[str]:
    known = {i: fingerprint.digests for i, fingerprint in fingerprints.items()}
    return [known.get(i, {}).get(row.slice.slice, "") for row, i in zip(report.rows(), ids, strict=True)]


def _of_scored(
    report: CaseReport, segment_ids: Sequence[str], fingerprints: Mapping[str, Fingerprint]
) -> dict[str, Fingerprint]:
    """Fingerprints of what was scored, by segment id."""
    return {
        i: fingerprints[i].of_scored({row.slice for row in one.slices})
        for i, one in zip(segment_ids, report.segments, strict=True)
        if i in fingerprints
    }


def _ranges(indices: Iterable[int]) -> list[list[int]]:
    """First and last index of each run of neighbours."""
    found: list[list[int]] = []
    for index in sorted(indices):
        if found and index == found[-1][1] + 1:
            found[-1][1] = index
        else:
            found.append([index, index])
    return found


def _unscored(text: str | None, segment_ids: Iterable[str]) -> dict[str, frozenset[int] | None]:
    """By segment id; None for all in tables of earlier versions, which do not say."""
    if text is None:
        return dict.fromkeys(segment_ids)
    ranges = parse_strict_json(text)
    return {i: frozenset(n for a, b in ranges.get(i, ()) for n in range(a, b + 1)) for i in segment_ids}


def _exact(floats: Iterable[float | None]) -> str:
    """The floating-point values of a row with all their digits, "-" for none."""
    return " ".join("-" if value is None else repr(value) for value in floats)


def _exact_columns(rows: list[str], count: int) -> list[list[float | None]]:
    parsed = [[None if word == "-" else float(word) for word in row.split(" ")] for row in rows]
    return [list(values) for values in zip(*parsed, strict=True)] if parsed else [[] for _ in range(count)]
