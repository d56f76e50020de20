"""Reports as a Parquet table, one row per slice; what is said once stands in the file's metadata.

Written report by report, so that the long table of a whole data set never has to fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

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

if TYPE_CHECKING:
    import pyarrow as pa

KEY = b"segae-reports"
LARGEST_METADATA = 2**30  # bytes; the reader's own limit of 100 MB is too low for ten thousand cases


def write(reports: Iterable[QualityReport], stream: BinaryIO) -> None:
    """Write one row group per report; raises ValueError for a value that JSON cannot hold."""
    import pyarrow.parquet as pq

    headers = []
    with pq.ParquetWriter(stream, _schema()) as writer:
        for report in reports:
            headers.append(strict_json(header_of(report)))
            if report.slices:
                writer.write_table(_table(report))
        writer.add_key_value_metadata({KEY: "[" + ",".join(headers) + "]"})


def read(stream: BinaryIO) -> tuple[QualityReport, ...]:
    """Read what `write` wrote; raises ValueError, KeyError or TypeError for anything else."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(stream, thrift_string_size_limit=LARGEST_METADATA)
    metadata = file.metadata.metadata or {}
    if KEY not in metadata:
        raise ValueError("it is a table without the description of a SegAE report")
    older = SINCE_DENSE - set(file.schema_arrow.names)
    table = file.read(columns=[name for name in ROW_TYPES if name not in older])
    columns = [
        [None] * table.num_rows if name in older else table.column(name).to_pylist() for name in ROW_TYPES
    ]
    return split(parse_strict_json(metadata[KEY].decode()), zip(*columns, strict=True))


def _schema() -> pa.Schema:
    import pyarrow as pa

    types = {str: pa.string(), int: pa.int32(), float: pa.float64()}
    repeated = [pa.field(name, pa.string(), nullable=False) for name in REPEATED]
    own = [pa.field(name, types[kind], nullable=name in OPTIONAL) for name, kind in ROW_TYPES.items()]
    return pa.schema(repeated + own)


def _table(report: QualityReport) -> pa.Table:
    import pyarrow as pa

    n = len(report.slices)
    repeated = [[value] * n for value in (report.case, report.model.name, report.model.sha256)]
    own = zip(*(row_values(row) for row in report.slices), strict=True)
    return pa.table([*repeated, *map(list, own)], schema=_schema())
