"""Reports as a Parquet table, one row per slice; what is said once stands in the file's metadata.

Written report by report, so that the long table of a whole data set never has to fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

from segae.results.columns import SLICES
from segae.results.record import KINDS, header_of, parse_strict_json, reports_from, row_values, strict_json
from segae.results.types import CaseReport

if TYPE_CHECKING:
    import pyarrow as pa

KEY = b"segae-reports"
LARGEST_METADATA = 2**30  # bytes; the reader's own limit of 100 MB is too low for ten thousand cases


def write(reports: Iterable[CaseReport], stream: BinaryIO) -> None:
    """Write one row group per report; raises ValueError for a value that JSON cannot hold."""
    import pyarrow.parquet as pq

    headers = []
    with pq.ParquetWriter(stream, _schema()) as writer:
        for report in reports:
            headers.append(strict_json(header_of(report)))
            if report.n_slices:
                writer.write_table(_table(report))
        writer.add_key_value_metadata({KEY: "[" + ",".join(headers) + "]"})


def read(stream: BinaryIO) -> tuple[CaseReport, ...]:
    """Read what `write` wrote; raises ValueError, KeyError or TypeError for anything else."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(stream, thrift_string_size_limit=LARGEST_METADATA)
    metadata = file.metadata.metadata or {}
    if KEY not in metadata:
        raise ValueError("it is a table without the description of a SegAE report")
    found = [name for name in file.schema_arrow.names if name in KINDS]
    table = file.read(columns=found)
    columns = [table.column(name).to_pylist() for name in found]
    return reports_from(parse_strict_json(metadata[KEY].decode()), found, zip(*columns, strict=True))


def _schema() -> pa.Schema:
    import pyarrow as pa

    types = {str: pa.string(), int: pa.int32(), float: pa.float64()}
    return pa.schema([pa.field(one.name, types[one.kind], nullable=one.optional) for one in SLICES])


def _table(report: CaseReport) -> pa.Table:
    import pyarrow as pa

    return pa.table([list(values) for values in zip(*row_values(report), strict=True)], schema=_schema())
