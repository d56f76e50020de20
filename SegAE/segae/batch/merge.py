"""The tables of a finished (or half-finished) batch."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from segae.batch.store import ResultStore
from segae.errors import OutputError
from segae.files import reason, remove_leftovers, whole_file
from segae.labels.structure import Structure
from segae.labels.table import FIRST_OWN, LabelTable
from segae.results.bins import POOR
from segae.results.files import read_headers, read_slices, write_table
from segae.results.parquet_format import write_slices
from segae.results.rankings import RowsAside, slice_batches, write_ranking
from segae.results.review_order import Order
from segae.results.tables import Level, wide_table
from segae.results.types import CaseReport
from segae.results.verdicts import with_threshold

LEVELS: tuple[Level, ...] = ("slice", "structure", "case")


@dataclass(frozen=True)
class MergedFiles:
    """What `merge` wrote: the long table of all slices, the published wide table, the rankings, the
    failures. `copies`: files among the results that it left out, as they repeat a case."""

    long: Path
    wide: Path
    rankings: tuple[Path, ...]
    failures: Path
    copies: tuple[Path, ...] = ()


def merge(
    folder: Path, *, threshold: float = POOR, order: Order = "review", limit: int | None = None
) -> MergedFiles:
    """Write the tables of a batch's results into `folder`, each whole or not at all.

    `scores.parquet` has a row per slice; `scores_wide.csv` the published form (`CT_Sample`, a column per
    class, empty where the organ is absent); `ranking_<level>.csv` stand in `order`, at most `limit` rows;
    `failed.csv` lists the cases without scores. Cases are read one by one, and rankings are sorted on disk,
    so the data set need not fit into memory. Raises `InputError` when there are no results, `OutputError`
    when a table cannot be written.
    """
    store = ResultStore(folder)
    files = MergedFiles(
        folder / "scores.parquet",
        folder / "scores_wide.csv",
        tuple(folder / f"ranking_{level}.csv" for level in LEVELS),
        folder / "failed.csv",
        store.copies(),
    )
    by_slice, by_structure, by_case = files.rankings
    paths = store.report_files()
    remove_leftovers((files.long, files.wide, *files.rankings, files.failures))
    with whole_file(files.long) as stream:
        write_slices(map(read_slices, paths), stream)
    with _scratch(folder) as scratch:
        aside = (RowsAside("structure", order, scratch), RowsAside("case", order, scratch))
        judged = (with_threshold(report, threshold) for report in store.reports())
        with closing(_seen_by(aside, judged)) as reports:  # one pass: reading is what takes time
            write_table(*wide_table(reports, _structures(paths)), files.wide)
        write_ranking(slice_batches(files.long, order), by_slice, limit, scratch)
        for rows, path in zip(aside, (by_structure, by_case), strict=True):
            write_ranking(rows.batches(), path, limit, scratch)
    failed = ([failure.case, failure.reason, failure.ct, failure.masks] for failure in store.failures())
    write_table(["case", "reason", "ct", "masks"], failed, files.failures)
    return files


def _seen_by(aside: Iterable[RowsAside], reports: Iterable[CaseReport]) -> Generator[CaseReport, None, None]:
    """The reports, each after its rows were put aside."""
    for report in reports:
        for rows in aside:
            rows.add(report)
        yield report


def _structures(paths: Iterable[Path]) -> list[Structure]:
    """The rows of the label table, and the structures beyond it that the results name."""
    own = {
        one["structure_index"]: one["structure"]
        for path in paths
        for header in read_headers(path)
        for one in header["segments"]
        if one["structure_index"] is not None and one["structure_index"] >= FIRST_OWN
    }
    return [*LabelTable.default().structures, *(Structure(index, own[index]) for index in sorted(own))]


_SCRATCH = ".merge-"


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder for rows that are being sorted, gone afterwards; those of killed runs go first. Raises
    `OutputError` when it cannot be made."""
    for old in folder.glob(f"{_SCRATCH}*"):
        shutil.rmtree(old, ignore_errors=True)
    path = folder / f"{_SCRATCH}{uuid.uuid4().hex}"
    try:
        path.mkdir()
    except OSError as error:
        raise OutputError(f'Cannot write to "{folder}" ({reason(error)}); check its permissions.') from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
