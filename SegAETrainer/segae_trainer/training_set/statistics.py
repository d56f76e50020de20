"""How the Dice of a training set is distributed: a table, and a picture of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from segae.labels import by_index
from segae.whole_file import whole_file
from segae_trainer.index.scan import SPLITS
from segae_trainer.training_set.figure import draw_distribution
from segae_trainer.training_set.layout import FIGURE, KINDS, STATISTICS
from segae_trainer.training_set.store import StoredScan

COLUMNS = (
    "structure_index", "structure", "split", "source", "kind", "pairs", "scans", "dice_0", "mean",
    "p05", "p25", "median", "p75", "p95",
)  # fmt: skip
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_GROUP = ("structure", "split", "source", "kind")


def write_statistics(
    folder: Path, table: np.ndarray, scans: Sequence[StoredScan], sources: Sequence[str]
) -> None:
    """Write `statistics.csv`, a row for each structure, split, source and kind, and `dice_by_structure.png`.

    `dice_0` is the share of pairs without any overlap. Raises `OutputError` when the disk is full.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(table, scans, sources))
    with whole_file(folder / STATISTICS) as stream:
        stream.write(text.getvalue().encode())
    draw_distribution(table, folder / FIGURE)


def _rows(table: np.ndarray, scans: Sequence[StoredScan], sources: Sequence[str]) -> Iterator[list[object]]:
    splits = np.array([SPLITS.index(scan.split) for scan in scans], np.uint8)
    columns = {name: np.ascontiguousarray(table[name]) for name in ("structure", "source", "kind", "scan")}
    columns["split"] = splits[columns["scan"]]
    dice = np.ascontiguousarray(table["dice"])
    order = np.lexsort((dice, *(columns[name] for name in reversed(_GROUP))))
    grouped = np.column_stack([columns[name][order] for name in _GROUP])
    starts = np.flatnonzero(np.r_[True, (np.diff(grouped.astype(int), axis=0) != 0).any(axis=1)])
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        structure, split, source, kind = grouped[start].tolist()
        values = dice[order[start:end]].astype(float)
        yield [
            structure,
            by_index(structure).name,
            SPLITS[split],
            sources[source],
            KINDS[kind],
            len(values),
            len(np.unique(columns["scan"][order[start:end]])),
            *(f"{value:.4f}" for value in (np.mean(values == 0), values.mean())),
            *(f"{value:.4f}" for value in np.quantile(values, _QUANTILES)),
        ]
