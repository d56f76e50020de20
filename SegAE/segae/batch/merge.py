"""The tables of a finished (or half-finished) batch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from segae.batch.store import ResultStore
from segae.labels.table import load_structures
from segae.report.files import write_report, write_table
from segae.report.ranking import rank, ranking_table
from segae.report.report import POOR
from segae.report.wide import wide_table

LEVELS = ("slice", "structure", "case")


@dataclass(frozen=True)
class MergedFiles:
    """What `merge` wrote: the long table of all slices, the published wide table, the rankings, the
    failures."""

    long: Path
    wide: Path
    rankings: tuple[Path, ...]
    failures: Path


def merge(folder: Path, *, threshold: float = POOR, limit: int | None = None) -> MergedFiles:
    """Write the tables of a batch's results into `folder`, each whole or not at all.

    `scores.parquet` has a row per slice; `scores_wide.csv` the published form (`CT_Sample`, a column per
    class, empty where the organ is absent); `ranking_<level>.csv` are worst first, at most `limit` rows;
    `failed.csv` lists the cases without scores. Reports are read case by case, never all at once. Raises
    `InputError` when there are no results, `OutputError` when a table cannot be written.
    """
    store = ResultStore(folder)
    rankings = []
    long = write_report(store.reports(), folder / "scores.parquet")
    wide = write_table(*wide_table(store.reports(), load_structures()), folder / "scores_wide.csv")
    for level in LEVELS:
        ranked = rank(store.reports(), level, threshold, limit)
        rankings.append(write_table(*ranking_table(ranked, level), folder / f"ranking_{level}.csv"))
    rows = [[failure.case, failure.reason, failure.ct, failure.masks] for failure in store.failures()]
    failures = write_table(["case", "reason", "ct", "masks"], rows, folder / "failed.csv")
    return MergedFiles(long, wide, tuple(rankings), failures)
