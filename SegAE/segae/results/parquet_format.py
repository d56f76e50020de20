"""Reports as a Parquet table, one row per slice; what is said once stands in the file's metadata.

A file of one report is the form in which a batch keeps its cases. The slices of many such files become one
table without their descriptions, which together would not fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from segae.results.columns import SLICES, Column
from segae.results.record import KINDS, header_of, parse_strict_json, reports_from, row_values, strict_json
from segae.results.types import CaseReport

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

KEY = b"segae-reports"
LARGEST_METADATA = 2**30  # bytes; the reader's own limit of 100 MB is too low for ten thousand cases
ROW_GROUP = 131_072  # rows; readers take one group at a time, or several side by side


def write(reports: Iterable[CaseReport], stream: BinaryIO) -> None:
    """Write one row group per report; raises ValueError for a value that JSON cannot hold."""
    headers = []
    with _writer(stream) as writer:
        for report in reports:
            headers.append(strict_json(header_of(report)))
            if report.n_slices:
                writer.write_table(slice_table(report))
        writer.add_key_value_metadata({KEY: "[" + ",".join(headers) + "]"})


def read(stream: BinaryIO) -> tuple[CaseReport, ...]:
    """Read what `write` wrote; raises ValueError, KeyError or TypeError for anything else."""
    file = open_parquet(stream)
    table = _rows(file)
    found = [name for name in table.column_names if name in KINDS]
    columns = [table.column(name).to_pylist() for name in found]
    return reports_from(_headers(file), found, zip(*columns, strict=True))


def read_headers(stream: BinaryIO) -> tuple[dict[str, Any], ...]:
    """What each report says but its slices, without reading them; raises ValueError like `read`."""
    return tuple(_headers(open_parquet(stream)))


def read_slices(stream: BinaryIO) -> pa.Table:
    """The slices of a file of reports as one table with the columns of `SLICES`; raises ValueError like
    `read`."""
    import pyarrow as pa

    file = open_parquet(stream)
    announced = sum(header["n_slices"] for header in _headers(file))
    table = _rows(file)
    if table.num_rows != announced:
        raise ValueError(f"{announced} slices are announced and {table.num_rows} are there")
    schema = schema_of(SLICES)
    found = set(table.column_names)
    filled = [
        table.column(one.name) if one.name in found else pa.nulls(table.num_rows, one.type) for one in schema
    ]
    return pa.table(filled, schema=schema)


def write_slices(tables: Iterable[pa.Table], stream: BinaryIO) -> None:
    """Write tables of slices as one, in row groups of `ROW_GROUP` rows, holding no more than one of them."""
    import pyarrow as pa

    waiting: list[pa.Table] = []
    with _writer(stream) as writer:
        for table in tables:
            waiting.append(table)
            if sum(one.num_rows for one in waiting) >= ROW_GROUP:
                whole = pa.concat_tables(waiting)
                full = whole.num_rows // ROW_GROUP * ROW_GROUP
                writer.write_table(whole.slice(0, full), row_group_size=ROW_GROUP)
                waiting = [whole.slice(full)]
        if waiting:
            writer.write_table(pa.concat_tables(waiting), row_group_size=ROW_GROUP)


def slice_table(report: CaseReport) -> pa.Table:
    """The slices of a report."""
    return table_of(SLICES, row_values(report))


def table_of(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> pa.Table:
    """Rows of plain values as a table."""
    import pyarrow as pa

    values = [list(one) for one in zip(*rows, strict=True)] or [[] for _ in columns]
    return pa.table(values, schema=schema_of(columns))


def schema_of(columns: Iterable[Column]) -> pa.Schema:
    """The types of some columns in Parquet."""
    import pyarrow as pa

    types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    return pa.schema([pa.field(one.name, types[one.kind], nullable=one.optional) for one in columns])


def open_parquet(source: Path | BinaryIO) -> pq.ParquetFile:
    """A Parquet file whose row groups are read as they are asked for. By default pyarrow fetches all of them
    ahead and keeps them: memory would grow with the file."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(
        source,
        pre_buffer=False,
        thrift_string_size_limit=LARGEST_METADATA,
        page_checksum_verification=True,
    )


def _writer(stream: BinaryIO) -> pq.ParquetWriter:
    import pyarrow.parquet as pq

    return pq.ParquetWriter(stream, schema_of(SLICES), compression="zstd", write_page_checksum=True)


def _headers(file: pq.ParquetFile) -> list[dict[str, Any]]:
    metadata = file.metadata.metadata or {}
    if KEY not in metadata:
        raise ValueError("it has no description of a report; those of a merged batch are in its folder cases")
    return parse_strict_json(metadata[KEY].decode())


def _rows(file: pq.ParquetFile) -> pa.Table:
    """The columns of a report that a file has; raises ValueError where its data are damaged."""
    try:
        return file.read(columns=[name for name in file.schema_arrow.names if name in KINDS])
    except OSError as error:
        if error.errno is not None:  # of the disk
            raise
        raise ValueError(str(error)) from error  # a checksum that does not fit
