"""Rankings of any number of reports as CSV files.

Rows are put aside on disk with the keys they are sorted by, and DuckDB sorts them there: the data
set need not fit into memory. What comes first is said by `segae.results.review_order` alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segae.errors import OutputError
from segae.files import reason, whole_file
from segae.results.columns import Column, names
from segae.results.parquet_format import open_parquet, schema_of, table_of
from segae.results.review_order import Order, slice_keys_of
from segae.results.tables import LEVEL_COLUMNS, Level, keyed_rows
from segae.results.types import CaseReport

if TYPE_CHECKING:
    import pyarrow as pa

MEMORY = "500MB"  # of DuckDB; what does not fit is sorted on disk
_SORTED_BY = ("predicted_dice", "raw_score", "area_mm2", "organ_mm2")  # as `slice_keys_of` takes them
BATCH = 65_536  # rows at a time
WAITING = 8_192  # rows of Python values, of which each takes much more room than in a table
# Columns to sort by, the lowest first; equals stay as they came.
_KEYS = tuple(Column(f"_key_{n}", float, "", "key to sort by", "") for n in range(3))
_KEY_NAMES = names(_KEYS)


class RowsAside:
    """Rows of one level of a ranking, put aside in a Parquet file until all reports were seen."""

    def __init__(self, level: Level, order: Order, scratch: Path) -> None:
        import pyarrow.parquet as pq

        self._level: Level = level
        self._order: Order = order
        self._path = scratch / f"{level}.parquet"
        self._columns = (*LEVEL_COLUMNS[level], *_KEYS)
        self._writer = pq.ParquetWriter(self._path, schema_of(self._columns))
        self._waiting: list[Sequence[Any]] = []

    def add(self, report: CaseReport) -> None:
        """Take up what the ranking says of a report."""
        for key, row in keyed_rows(report, self._level, self._order):
            values = (one.of(row) for one in LEVEL_COLUMNS[self._level])
            padded = (*key, *[0.0] * len(_KEYS))[: len(_KEYS)]
            self._waiting.append([*values, *map(float, padded)])
        if len(self._waiting) >= WAITING:
            self._put()

    def batches(self) -> pa.RecordBatchReader:
        """All rows, in the order in which they came; nothing can be added any more."""
        import pyarrow as pa

        self._put()
        self._writer.close()
        file = open_parquet(self._path)
        return pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(batch_size=BATCH))

    def _put(self) -> None:
        self._writer.write_table(table_of(self._columns, self._waiting))
        self._waiting = []


def slice_batches(long_table: Path, order: Order) -> pa.RecordBatchReader:
    """The slices of a Parquet file of reports or of a whole batch, with the keys of their ranking."""
    import pyarrow as pa

    file = open_parquet(long_table)
    schema = pa.schema([*file.schema_arrow.remove_metadata(), *schema_of(_KEYS)])

    def keyed() -> Iterator[pa.RecordBatch]:
        for batch in file.iter_batches(batch_size=BATCH):
            keys = slice_keys_of(order, *(_numbers(batch, name) for name in _SORTED_BY))
            more = [pa.array(keys[:, n]) for n in range(2)] + [pa.array(np.zeros(len(keys)))]
            yield pa.record_batch([*batch.columns, *more], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, keyed())


def write_ranking(rows: pa.RecordBatchReader, path: Path, limit: int | None, scratch: Path) -> Path:
    """Sort rows by their keys and write them with their `rank` as CSV, whole or not at all; at most `limit`.

    `scratch`: a folder for what does not fit into memory. Raises `OutputError` when there is no room.
    """
    import duckdb
    import pyarrow.csv as pc

    shown = ", ".join(f'"{name}"' for name in rows.schema.names if name not in _KEY_NAMES)
    query = (
        f"SELECT row_number() OVER () AS rank, {shown} FROM "
        f"(SELECT *, row_number() OVER () AS _n FROM rows ORDER BY {', '.join(_KEY_NAMES)}, _n"
        f"{'' if limit is None else f' LIMIT {int(limit)}'})"
    )
    try:
        with (
            duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(scratch)}) as base,
            whole_file(path) as stream,
        ):
            base.register("rows", rows)
            ranked = base.sql(query).to_arrow_reader(BATCH)
            with pc.CSVWriter(stream, ranked.schema) as writer:
                for batch in ranked:
                    writer.write_batch(batch)
    except duckdb.Error as error:
        raise OutputError(
            f"Cannot sort {path} ({reason(error)}); free some space or give a limit of rows."
        ) from error
    return path


def _numbers(batch: pa.RecordBatch, name: str) -> np.ndarray:
    """A column as numbers, NaN for none."""
    return batch.column(name).to_numpy(zero_copy_only=False).astype(float)
