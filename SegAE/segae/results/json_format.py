"""Reports as strict JSON: one object for one report, an array of objects for several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

from segae.results.record import (
    ROW_TYPES,
    SINCE_DENSE,
    header_of,
    parse_strict_json,
    report_from,
    row_values,
    strict_json,
)
from segae.results.types import QualityReport


def write(reports: Iterable[QualityReport], stream: BinaryIO) -> None:
    """Write UTF-8 JSON; raises ValueError for a value that JSON cannot hold."""
    objects = [strict_json(_as_object(report)) for report in reports]
    text = objects[0] if len(objects) == 1 else "[" + ",\n".join(objects) + "]"
    stream.write(text.encode() + b"\n")


def read(stream: BinaryIO) -> tuple[QualityReport, ...]:
    """Read what `write` wrote; raises ValueError, KeyError or TypeError for anything else."""
    content = parse_strict_json(stream.read().decode())
    return tuple(_from_object(one) for one in (content if isinstance(content, list) else [content]))


def _as_object(report: QualityReport) -> dict[str, Any]:
    rows = [dict(zip(ROW_TYPES, row_values(row), strict=True)) for row in report.slices]
    return {**header_of(report), "slices": rows}


def _from_object(content: dict[str, Any]) -> QualityReport:
    newer = dict.fromkeys(SINCE_DENSE)
    return report_from(content, ([{**newer, **row}[name] for name in ROW_TYPES] for row in content["slices"]))
