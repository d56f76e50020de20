"""Reports as strict JSON: one object for one report, an array of objects for several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

from segae.results.columns import SLICES, names
from segae.results.record import header_of, parse_strict_json, report_from, row_values, strict_json
from segae.results.types import CaseReport


def write(reports: Iterable[CaseReport], stream: BinaryIO) -> None:
    """Write UTF-8 JSON; raises ValueError for a value that JSON cannot hold."""
    objects = [strict_json(_as_object(report)) for report in reports]
    text = objects[0] if len(objects) == 1 else "[" + ",\n".join(objects) + "]"
    stream.write(text.encode() + b"\n")


def read(stream: BinaryIO) -> tuple[CaseReport, ...]:
    """Read what `write` wrote; raises ValueError, KeyError or TypeError for anything else."""
    return tuple(map(_from_object, read_headers(stream)))


def read_headers(stream: BinaryIO) -> tuple[dict[str, Any], ...]:
    """The object of each report; raises ValueError like `read`."""
    content = parse_strict_json(stream.read().decode())
    return tuple(content if isinstance(content, list) else [content])


def _as_object(report: CaseReport) -> dict[str, Any]:
    keys = names(SLICES)
    return {**header_of(report), "slices": [dict(zip(keys, row, strict=True)) for row in row_values(report)]}


def _from_object(content: dict[str, Any]) -> CaseReport:
    rows = content["slices"]
    found = list(rows[0]) if rows else names(SLICES)
    return report_from(content, found, ([row[name] for name in found] for row in rows))
