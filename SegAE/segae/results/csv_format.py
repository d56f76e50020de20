"""Reports as CSV: one comment line of JSON per report, then one table of all their slices.

The comment lines hold what is said once (model, findings, timings, options). Read the table with
`pandas.read_csv(path, comment="#")`, or with the csv module after the lines that begin with "#". All text is
quoted, so that no name can be taken for a comment; floats are written so that they read back exactly.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from segae.results.record import (
    OPTIONAL,
    REPEATED,
    ROW_TYPES,
    SINCE_DENSE,
    header_of,
    parse_strict_json,
    row_values,
    split,
    strict_json,
)
from segae.results.types import QualityReport

MARK = "# segae-report "


def write(reports: Iterable[QualityReport], stream: BinaryIO) -> None:
    """Write UTF-8 text; raises ValueError for a value that JSON cannot hold."""
    reports = tuple(reports)
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    text.writelines(MARK + strict_json(header_of(report)) + "\n" for report in reports)
    table = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    table.writerow([*REPEATED, *ROW_TYPES])
    for report in reports:
        repeated = [report.case, report.model.name, report.model.sha256]
        table.writerows(repeated + row_values(row) for row in report.slices)
    text.detach()


def read(stream: BinaryIO) -> tuple[QualityReport, ...]:
    """Read what `write` wrote; raises ValueError, KeyError or TypeError for anything else."""
    text = io.StringIO(stream.read().decode("utf-8"), newline="")
    headers, start = _headers(text)
    text.seek(start)
    rows = csv.reader(text, strict=True)
    try:
        names = next(rows, [])
        columns = [None if name in SINCE_DENSE - set(names) else names.index(name) for name in ROW_TYPES]
        return split(headers, (_parse(row, columns) for row in rows))
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


def _parse(row: Sequence[str], columns: Sequence[int | None]) -> list[Any]:
    """The values of a row; None stands for a column that the file does not have."""
    if len(row) <= max(column for column in columns if column is not None):
        raise ValueError("a row ends too early")
    cells = ["" if column is None else row[column] for column in columns]
    return [
        None if cell == "" and name in OPTIONAL else kind(cell)
        for (name, kind), cell in zip(ROW_TYPES.items(), cells, strict=True)
    ]
