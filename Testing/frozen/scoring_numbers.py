"""What `segae score`, `batch`, `merge` and `name-check` say about the sample with the bundled model."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
from flat_rows import searched, slices

import segae
from frozen import sample
from frozen.tables import Table, table
from segae.labels.table import load_structures
from segae.results.columns import names, table_rows
from segae.results.review_order import ordered_segments
from segae.results.tables import LEVEL_COLUMNS, rank, wide_table
from segae.results.types import CaseReport
from segae.scoring.name_check import name_check

LEVELS = ("slice", "structure", "case")

# --- calls into the product ------------------------------------------------------------------------------
# Tables keep the columns that they had when they were frozen; `RENAMED` says what a column is called now.

RENAMED = {"score": "predicted_dice", "poor_share": "below_threshold", "volume_dice": "predicted_dice"}
RANKED = {
    "slice": ("segment", "structure", "slice", "x", "y", "z", "area_mm2"),
    "structure": (
        "segment", "structure_index", "structure", "verdict", "interval_low", "interval_high", "volume_dice",
        "mean", "area_weighted_mean", "worst", "worst_slice", "poor_share", "n_slices", "missing_slices",
        "n_voxels", "reasons",
    ),
    "case": ("worst", "worst_segment", "poor_share", "n_structures", "n_slices"),
}  # fmt: skip


def score_sample() -> CaseReport:
    """The whole sample with all its masks."""
    return segae.score(sample.CT, sample.MASKS, device="cpu")


def slice_table(report: CaseReport) -> Table:
    """A row per mask and slice."""
    columns = (
        "segment", "structure_index", "structure", "slice", "x", "y", "z", "area_mm2", "score",
        "interval_low", "interval_high", "overlap_mm2", "organ_mm2",
    )  # fmt: skip
    return _attributes(slices(report), columns)


def searched_table(report: CaseReport) -> Table:
    """A row per slice in which an organ was only looked for."""
    columns = (
        "segment", "structure_index", "structure", "slice", "x", "y", "z", "thickness_mm", "organ_mm2",
        "presence",
    )  # fmt: skip
    rows = _attributes(searched(report), columns).rows
    empty = {one.segment for one in report.segments if not one.n_voxels}
    return table(columns, sorted(rows, key=lambda row: next(iter(row)) in empty))  # they came last


def segment_table(report: CaseReport) -> Table:
    """A row per mask that was handed in."""
    columns = (
        "segment", "structure_index", "structure", "n_voxels", "volume_ml", "volume_dice", "interval_low",
        "interval_high",
    )  # fmt: skip
    rows = (_attributes([one], columns).rows[0] for one in report.segments)
    return table(columns, (_without_areas(row, one) for row, one in zip(rows, report.segments, strict=True)))


def finding_table(report: CaseReport) -> Table:
    """A row per finding, in order; the sentences hold paths and are left out."""
    rows = ((one.code, one.severity, one.segments[0] if one.segments else None) for one in report.findings)
    return table(("code", "severity", "segment"), rows)


def verdict_table(report: CaseReport) -> Table:
    """A row per judged mask, the most urgent first."""
    columns = (
        "segment", "structure_index", "verdict", "missing_slices", "dice", "is_ranked", "needs_human",
        "volume_dice", "interval_low", "interval_high",
    )  # fmt: skip
    named = [one for one in report.segments if one.structure_index is not None]
    rows = (
        (
            one.segment, one.structure_index, one.verdict, one.missing_slices, one.predicted_dice or 0.0,
            one.is_listed, one.needs_review, one.predicted_dice if one.has_areas else None, one.interval_low,
            one.interval_high,
        )
        for one in ordered_segments(named, "dice")
    )  # fmt: skip
    return table(columns, rows)


def grid_table(report: CaseReport) -> Table:
    """What is said once."""
    distance = {row.slice.thickness_mm for row in report.rows()}
    return table(
        ("case", "slice_axis", "slice_mm", "model"),
        [(report.case, report.slice_axis, *distance, report.model.name)],
    )


def wide(report: CaseReport) -> Table:
    """The published table of one case."""
    return table(*wide_table([report], load_structures()))


def ranking(report: CaseReport, level: Any) -> Table:
    """A ranking of one case by "slice", "structure" or "case", by Dice."""
    columns, ranked = LEVEL_COLUMNS[level], rank(report, level, "dice")
    rows = ([place, *values] for place, values in enumerate(table_rows(columns, ranked), start=1))
    return _ranked(table(["rank", *names(columns)], rows), level)


def _ranked(now: Table, level: str) -> Table:
    """The columns of a ranking that were there when it was frozen."""
    columns = ("rank", "case", "predicted_dice", *RANKED[level])
    names = RENAMED | {"n_structures": "n_segments"}
    places = [now.columns.index(names.get(name, name)) for name in columns]
    return table(columns, ([row[place] for place in places] for row in now.rows))


def _attributes(things: Sequence[object], columns: Sequence[str]) -> Table:
    return table(columns, ([getattr(one, RENAMED.get(name, name)) for name in columns] for one in things))


def _without_areas(row: Sequence[Any], segment: Any) -> list[Any]:
    """The Dice of the volume is that of a mask with areas only."""
    return [None if n == 5 and not segment.has_areas else value for n, value in enumerate(row)]


def run_segae(*arguments: object) -> None:
    """A command line of `segae` in a process of its own, on one thread."""
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    path = os.pathsep.join(path for path in sys.path if path)
    subprocess.run(
        [sys.executable, "-m", "segae", *map(str, arguments)],
        check=True, capture_output=True, env=os.environ | threads | {"PYTHONPATH": path},
    )  # fmt: skip


def check_names(case: Path) -> Table:
    """A row per mask of a case."""
    checks = name_check(case / "ct.nii.gz", case / "segmentations", device="cpu").checks
    columns = (
        "segment", "structure_index", "structure", "looks_like", "score_named", "score_other", "confident",
        "reason",
    )  # fmt: skip
    return table(
        columns,
        (
            (
                one.segment, one.named.index, one.named.name,
                None if one.looks_like is None else one.looks_like.name, one.score_named, one.score_other,
                one.confident, one.reason,
            )
            for one in checks
        ),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------

BATCH_MASKS = ("gallbladder", "heart", "rib_right_12", "small_bowel", "vertebrae_T11")  # the heart is empty
BATCH_CASES = ("a", "b", "c", "d")
NAMED = (
    "adrenal_gland_left", "aorta", "kidney_left", "kidney_right", "rib_left_9", "spleen", "vertebrae_T11",
    "vertebrae_T12",
)  # fmt: skip
# What goes by another mask's name in the second case: sides and levels changed over.
SWAPPED = {
    "kidney_left": "kidney_right",
    "kidney_right": "kidney_left",
    "vertebrae_T11": "vertebrae_T12",
    "vertebrae_T12": "vertebrae_T11",
    "spleen": "adrenal_gland_left",
}
# Of the long table: the numbers tell when the model is another one; the others are newer than the freeze.
_LEFT_OUT = {"model_sha256", "thickness_mm", "raw_score", "wrong_mm2"}


def score_numbers(_: Path) -> dict[str, Table]:
    """Everything that one report of the whole sample says."""
    report = score_sample()
    return {
        "report": grid_table(report),
        "slices": slice_table(report),
        "searched": searched_table(report),
        "segments": segment_table(report),
        "findings": finding_table(report),
        "verdicts": verdict_table(report),
        "wide": wide(report),
        **{f"ranking {level}": ranking(report, level) for level in LEVELS},
    }


def batch_numbers(folder: Path) -> dict[str, Table]:
    """The merged tables of a batch of four cases that are alike."""
    data, out = folder / "data", folder / "out"
    for case in BATCH_CASES:
        sample.lay_out(data / case, {name: name for name in BATCH_MASKS})
    run_segae("batch", data, "--out", out, "--device", "cpu")
    run_segae("merge", out, "--order", "dice")
    rankings = {level: read_csv(out / f"ranking_{level}.csv") for level in LEVELS}
    return {
        "long": read_parquet(out / "scores.parquet"),
        "wide": read_csv(out / "scores_wide.csv"),
        **{f"ranking {level}": _ranked(one, level) for level, one in rankings.items()},
        "failed": read_csv(out / "failed.csv"),
    }


def name_numbers(folder: Path) -> dict[str, Table]:
    """The answers for some masks under their own names, and with names changed over."""
    right = {name: name for name in NAMED}
    return {
        "right names": check_names(sample.lay_out(folder / "right", right)),
        "changed over": check_names(sample.lay_out(folder / "wrong", right | SWAPPED)),
    }


def read_parquet(path: Path) -> Table:
    """All rows of a file."""
    content = pyarrow.parquet.read_table(path)
    columns = [name for name in content.column_names if name not in _LEFT_OUT]
    columns = ["score" if name == "predicted_dice" else name for name in columns]
    values = (content.column(RENAMED.get(name, name)).to_pylist() for name in columns)
    return table(columns, zip(*values, strict=True))


def read_csv(path: Path) -> Table:
    """All rows of a file; what looks like a number is one."""
    with path.open(newline="", encoding="utf-8") as stream:
        columns, *rows = csv.reader(stream)
    return table(columns, (_numbers(row) for row in rows))


def _numbers(cells: Sequence[str]) -> list[Any]:
    return [_number(cell) for cell in cells]


def _number(cell: str) -> Any:
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell
