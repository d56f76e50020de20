"""A report as plain values and back: the part that all file formats share.

A report is stored as a header (everything that is said once) and a table of slices. The header knows how many
rows are its own, so several reports can follow each other in one table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from segae.errors import InputError
from segae.preflight.findings import Finding
from segae.report.report import QualityReport
from segae.report.rows import ModelIdentity, SegmentExtent, SliceScore

FORMAT = 1  # rises when a file written now could not be read by the code of before

ROW_TYPES: dict[str, type] = {
    "segment": str, "structure_index": int, "structure": str, "slice": int,
    "x": float, "y": float, "z": float, "area_mm2": float,
    "score": float, "interval_low": float, "interval_high": float,
}  # fmt: skip
OPTIONAL = frozenset({"interval_low", "interval_high"})
# Said again in every row of a table, so that tables can be joined and filtered; the header is what counts.
REPEATED = ("case", "model", "model_sha256")
_KEPT = ("case", "ct", "segmentation", "timings", "options", "slice_axis")  # as JSON holds them


def header_of(report: QualityReport) -> dict[str, Any]:
    """Everything but the slices, as JSON values."""
    return {
        "format": FORMAT,
        **{name: getattr(report, name) for name in _KEPT},
        "model": asdict(report.model),
        "findings": [asdict(finding) for finding in report.findings],
        "segments": [asdict(segment) for segment in report.segments],
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
        findings=tuple(Finding(**finding) for finding in header["findings"]),
        segments=tuple(SegmentExtent(**segment) for segment in header["segments"]),
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
