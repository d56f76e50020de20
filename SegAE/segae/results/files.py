"""Reports and tables on disk; the ending of the name says the format."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from segae.errors import InputError, OutputError
from segae.files import reason, whole_file
from segae.results import csv_format, json_format, parquet_format
from segae.results.columns import SLICES
from segae.results.record import row_values, summary_from
from segae.results.types import CaseReport

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS: Mapping[str, ModuleType] = {
    ".csv": csv_format, ".json": json_format, ".parquet": parquet_format,
}  # fmt: skip


def write_report(report: CaseReport | Iterable[CaseReport], path: str | Path) -> Path:
    """Write one report, or several into one file, in the format of the suffix: .csv, .json or .parquet.

    The file replaces an older one only when it is complete. Returns its path; raises `OutputError`.
    """
    path = Path(path)
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise OutputError(f"{path} cannot be a report; give it the ending {_endings()}.")
    reports = (report,) if isinstance(report, CaseReport) else report
    with whole_file(path) as stream:
        form.write(reports, stream)
    return path


def read_reports(path: str | Path) -> tuple[CaseReport, ...]:
    """All reports of a file that `write_report` wrote; raises `InputError` when it is damaged."""
    return _read(Path(path), lambda form, stream: form.read(stream))


def read_headers(path: str | Path) -> tuple[dict[str, Any], ...]:
    """What each report of a file says but its slices, which are not read; raises `InputError`."""
    return _read(Path(path), lambda form, stream: form.read_headers(stream))


def read_summary(path: str | Path) -> CaseReport:
    """The one report of a file without its scored slices, which are not read unless verdicts need them
    (files of version 0.1); raises `InputError` like `read_report`."""
    path = Path(path)

    def read(form: ModuleType, stream: BinaryIO) -> CaseReport | None:
        headers = form.read_headers(stream)
        return summary_from(headers[0]) if len(headers) == 1 else None

    return _read(path, read) or read_report(path)


def read_slices(path: str | Path) -> pa.Table:
    """The slices of a file of reports as a table; raises `InputError`."""
    path = Path(path)
    if path.suffix.lower() == ".parquet":
        return _read(path, lambda form, stream: form.read_slices(stream))
    rows = (row for report in read_reports(path) for row in row_values(report))
    return parquet_format.table_of(SLICES, rows)


_T = TypeVar("_T")


def _read(path: Path, read: Callable[[ModuleType, BinaryIO], _T]) -> _T:
    """What a function reads from a file with the module of its format; raises `InputError`."""
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise InputError(f"{path} is no report by its name; expected is the ending {_endings()}.")
    try:
        with path.open("rb") as stream:
            return read(form, stream)
    except OSError as error:
        raise InputError(f"Cannot read {path} ({reason(error)}); check path and permissions.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not a complete SegAE report ({reason(error)}); score the case again."
        ) from error


def read_report(path: str | Path) -> CaseReport:
    """The one report of a file; raises `InputError`, also when the file holds several."""
    reports = read_reports(path)
    if len(reports) != 1:
        raise InputError(f"{path} holds {len(reports)} reports where one was expected; use read_reports.")
    return reports[0]


def write_table(columns: Sequence[str], rows: Iterable[Sequence[object]], path: str | Path) -> Path:
    """Write a plain CSV table, whole or not at all. Returns its path; raises `OutputError`."""
    path = Path(path)
    with whole_file(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
        table = csv.writer(text, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)
        text.detach()
    return path


def _endings() -> str:
    return ", ".join(FORMATS)
