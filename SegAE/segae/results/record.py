"""A report as plain values and back: the part that all file formats share.

A report is stored as a header (everything that is said once) and a table of slices. The header knows how many
rows are its own, so several reports can follow each other in one table. Slices in which an organ was only
looked for stand in the header too, segment by segment, so that every row of the table is a score.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby, islice
from typing import Any

from segae.checks.finding import Finding
from segae.errors import InputError
from segae.results.types import ModelIdentity, QualityReport, SearchedSlice, SegmentExtent, SliceScore

FORMAT = 1  # rises when a file written now could not be read by the code of before

ROW_TYPES: dict[str, type] = {
    "segment": str, "structure_index": int, "structure": str, "slice": int,
    "x": float, "y": float, "z": float, "area_mm2": float,
    "score": float, "interval_low": float, "interval_high": float,
    "overlap_mm2": float, "organ_mm2": float,
}  # fmt: skip
OPTIONAL = frozenset({"interval_low", "interval_high", "overlap_mm2", "organ_mm2"})
SINCE_DENSE = frozenset({"overlap_mm2", "organ_mm2"})  # columns that older files do not have
# Said again in every row of a table, so that tables can be joined and filtered; the header is what counts.
REPEATED = ("case", "model", "model_sha256")
_KEPT = ("case", "ct", "segmentation", "timings", "options", "slice_axis")  # as JSON holds them
_OF_SEGMENT = ("segment", "structure_index", "structure")
_OF_SEARCH = ("slice", "x", "y", "z", "thickness_mm", "organ_mm2", "presence")


def header_of(report: QualityReport) -> dict[str, Any]:
    """Everything but the slices, as JSON values."""
    return {
        "format": FORMAT,
        **{name: getattr(report, name) for name in _KEPT},
        "model": asdict(report.model),
        "findings": [asdict(finding) for finding in report.findings],
        "segments": [asdict(segment) for segment in report.segments],
        "slice_mm": report.slice_mm,
        "searched": _searches(report.searched),
        "n_slices": len(report.slices),
    }


def row_values(row: SliceScore) -> list[Any]:
    """The values of one slice in the order of `ROW_TYPES`, as Python's own numbers."""
    values = ((kind, getattr(row, name)) for name, kind in ROW_TYPES.items())
    return [None if value is None else kind(value) for kind, value in values]


def report_from(header: Mapping[str, Any], rows: Iterable[Sequence[Any]]) -> QualityReport:
    """The report of a header and its rows (values in the order of `ROW_TYPES`).

    Raises `InputError` for a header of another format; KeyError, TypeError or ValueError for broken ones.
    """
    if header["format"] != FORMAT:
        raise InputError(
            f"The report has format {header['format']} and this version reads {FORMAT}; "
            "update SegAE or score again."
        )
    report = QualityReport(
        **{name: header[name] for name in _KEPT},
        model=ModelIdentity(**header["model"]),
        slices=tuple(SliceScore(*values) for values in rows),
        findings=tuple(Finding.from_dict(finding) for finding in header["findings"]),
        segments=tuple(SegmentExtent(**segment) for segment in header["segments"]),
        searched=_searched_slices(header.get("searched", ())),  # older files have neither
        slice_mm=header.get("slice_mm"),
    )
    if len(report.slices) != header["n_slices"]:
        raise ValueError(f"{header['n_slices']} slices are announced and {len(report.slices)} are there")
    return report


def split(headers: Iterable[Mapping[str, Any]], rows: Iterable[Sequence[Any]]) -> tuple[QualityReport, ...]:
    """The reports whose rows follow each other in one table; raises like `report_from`."""
    left = iter(rows)
    reports = tuple(report_from(header, islice(left, header["n_slices"])) for header in headers)
    if next(left, None) is not None:
        raise ValueError("there are more slices than announced")
    return reports


def _searches(searched: Iterable[SearchedSlice]) -> list[dict[str, Any]]:
    """Searched slices by segment: what they share once, the rest as one list per slice (`_OF_SEARCH`)."""
    return [
        {**dict(zip(_OF_SEGMENT, shared, strict=True)), "columns": _OF_SEARCH, "slices": _values(group)}
        for shared, group in groupby(searched, lambda one: tuple(getattr(one, name) for name in _OF_SEGMENT))
    ]


def _values(searched: Iterable[SearchedSlice]) -> list[list[Any]]:
    return [[getattr(one, name) for name in _OF_SEARCH] for one in searched]


def _searched_slices(searches: Iterable[Mapping[str, Any]]) -> tuple[SearchedSlice, ...]:
    """Inverse of `_searches`."""
    return tuple(
        SearchedSlice(
            **{name: search[name] for name in _OF_SEGMENT},
            **dict(zip(search["columns"], values, strict=True)),
        )
        for search in searches
        for values in search["slices"]
    )


def strict_json(value: object) -> str:
    """JSON in one line of ASCII; raises ValueError for NaN, infinity or a value that JSON does not have."""
    try:
        return json.dumps(value, allow_nan=False)
    except TypeError as error:
        raise ValueError(str(error)) from error


def parse_strict_json(text: str) -> Any:
    """The value of strict JSON; raises ValueError for anything else, NaN included."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
