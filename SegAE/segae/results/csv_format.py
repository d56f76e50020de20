"""Reports as CSV: one comment line of JSON per report, then one table of all their slices.

The comment lines hold what is said once (model, findings, segments, timings, options). Read the table with
`pandas.read_csv(path, comment="#")`, or with the csv module after the lines that begin with "#". All text is
quoted, so that no name can be taken for a comment; floats are written so that they read back exactly.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from segae.results.columns import SLICES, names
from segae.results.record import (
    KINDS,
    MAY_BE_EMPTY,
    header_of,
    parse_strict_json,
    reports_from,
    row_values,
    strict_json,
)
from segae.results.types import CaseReport

MARK = "# segae-report "


def write(reports: Iterable[CaseReport], stream: BinaryIO) -> None:
    """Write UTF-8 text; raises ValueError for a value that JSON cannot hold."""
    reports = tuple(reports)
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    text.writelines(MARK + strict_json(header_of(report)) + "\n" for report in reports)
    table = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    table.writerow(names(SLICES))
    for report in reports:
        table.writerows(row_values(report))
    text.detach()


def read(stream: BinaryIO) -> tuple[CaseReport, ...]:
    """Read what `write` wrote; raises ValueError, KeyError or TypeError for anything else."""
    text = io.StringIO(stream.read().decode("utf-8"), newline="")
    headers, start = _headers(text)
    text.seek(start)
    rows = csv.reader(text, strict=True)
    try:
        found = next(rows, [])
        wanted = [(n, name) for n, name in enumerate(found) if name in KINDS]
        return reports_from(headers, [name for _, name in wanted], (_parse(row, wanted) for row in rows))
    except csv.Error as error:
        raise ValueError(str(error)) from error


def read_headers(stream: BinaryIO) -> tuple[dict[str, Any], ...]:
    """What each report says but its slices, without reading them; raises ValueError like `read`."""
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    headers, _ = _headers(text)
    text.detach()
    return headers


def _headers(text: io.TextIOBase) -> tuple[tuple[dict[str, Any], ...], int]:
    """The comment lines at the start, and where the table begins."""
    headers = []
    start = 0
    for line in iter(text.readline, ""):
        if not line.startswith(MARK):
            break
        headers.append(parse_strict_json(line[len(MARK) :]))
        start = text.tell()
    if not headers:
        raise ValueError("its first line is not that of a SegAE report")
    return tuple(headers), start


def _parse(row: Sequence[str], wanted: Sequence[tuple[int, str]]) -> list[Any]:
    """The values of a row in the columns `wanted` (place and name)."""
    if len(row) <= max((n for n, _ in wanted), default=0):
        raise ValueError("a row ends too early")
    return [None if row[n] == "" and name in MAY_BE_EMPTY else KINDS[name](row[n]) for n, name in wanted]
