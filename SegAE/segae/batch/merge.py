"""The tables of a finished (or half-finished) batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segae.batch.store import ResultStore
from segae.files import remove_leftovers
from segae.labels.structure import Structure
from segae.labels.table import FIRST_OWN, LabelTable
from segae.results.bins import POOR
from segae.results.files import write_report, write_table
from segae.results.review_order import Order
from segae.results.tables import Level, ranking_table, wide_table
from segae.results.types import CaseReport
from segae.results.verdicts import with_threshold

LEVELS: tuple[Level, ...] = ("slice", "structure", "case")


@dataclass(frozen=True)
class MergedFiles:
    """What `merge` wrote: the long table of all slices, the published wide table, the rankings, the
    failures."""

    long: Path
    wide: Path
    rankings: tuple[Path, ...]
    failures: Path


def merge(
    folder: Path, *, threshold: float = POOR, order: Order = "review", limit: int | None = None
) -> MergedFiles:
    """Write the tables of a batch's results into `folder`, each whole or not at all.

    `scores.parquet` has a row per slice; `scores_wide.csv` the published form (`CT_Sample`, a column per
    class, empty where the organ is absent); `ranking_<level>.csv` stand in `order`, at most `limit` rows;
    `failed.csv` lists the cases without scores. Reports are read case by case, never all at once. Raises
    `InputError` when there are no results, `OutputError` when a table cannot be written.
    """
    store = ResultStore(folder)
    files = MergedFiles(
        folder / "scores.parquet",
        folder / "scores_wide.csv",
        tuple(folder / f"ranking_{level}.csv" for level in LEVELS),
        folder / "failed.csv",
    )
    remove_leftovers((files.long, files.wide, *files.rankings, files.failures))
    write_report(store.reports(), files.long)
    write_table(*wide_table(store.reports(), _structures(store)), files.wide)
    for level, path in zip(LEVELS, files.rankings, strict=True):
        write_table(*ranking_table(_judged(store, threshold), level, order, limit), path)
    failed = ([failure.case, failure.reason, failure.ct, failure.masks] for failure in store.failures())
    write_table(["case", "reason", "ct", "masks"], failed, files.failures)
    return files


def _judged(store: ResultStore, threshold: float) -> Iterator[CaseReport]:
    return (with_threshold(report, threshold) for report in store.reports())


def _structures(store: ResultStore) -> list[Structure]:
    """The rows of the label table, and the structures beyond it that the results name."""
    own = {
        one.structure_index: one.structure
        for report in store.reports()
        for one in report.segments
        if one.structure_index is not None and one.structure_index >= FIRST_OWN
    }
    return [*LabelTable.default().structures, *(Structure(index, own[index]) for index in sorted(own))]
