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

import segae
from frozen import sample
from frozen.tables import Table, records, table
from segae.labels.table import load_structures
from segae.results.ranking import rank, ranking_table, wide_table
from segae.results.types import QualityReport
from segae.results.verdicts import judge, worst_verdicts_first
from segae.scoring.name_check import name_check

LEVELS = ("slice", "structure", "case")

# --- calls into the product ------------------------------------------------------------------------------


def score_sample() -> QualityReport:
    """The whole sample with all its masks."""
    return segae.score(sample.CT, sample.MASKS, device="cpu")


def slice_table(report: QualityReport) -> Table:
    """A row per mask and slice."""
    columns = (
        "segment", "structure_index", "structure", "slice", "x", "y", "z", "area_mm2", "score",
        "interval_low", "interval_high", "overlap_mm2", "organ_mm2",
    )  # fmt: skip
    return records(report.slices, columns)


def searched_table(report: QualityReport) -> Table:
    """A row per slice in which an organ was only looked for."""
    columns = (
        "segment", "structure_index", "structure", "slice", "x", "y", "z", "thickness_mm", "organ_mm2",
        "presence",
    )  # fmt: skip
    return records(report.searched, columns)


def segment_table(report: QualityReport) -> Table:
    """A row per mask that was handed in."""
    columns = (
        "segment", "structure_index", "structure", "n_voxels", "volume_ml", "volume_dice", "interval_low",
        "interval_high",
    )  # fmt: skip
    return records(report.segments, columns)


def finding_table(report: QualityReport) -> Table:
    """A row per finding, in order; the sentences hold paths and are left out."""
    rows = ((one.code, one.severity, one.segments[0] if one.segments else None) for one in report.findings)
    return table(("code", "severity", "segment"), rows)


def verdict_table(report: QualityReport) -> Table:
    """A row per judged mask, the most urgent first."""
    columns = (
        "segment", "structure_index", "verdict", "missing_slices", "dice", "is_ranked", "needs_human",
        "volume_dice", "interval_low", "interval_high",
    )  # fmt: skip
    return records(worst_verdicts_first(judge(report)), columns)


def grid_table(report: QualityReport) -> Table:
    """What is said once."""
    return table(
        ("case", "slice_axis", "slice_mm", "model"),
        [(report.case, report.slice_axis, report.slice_mm, report.model.name)],
    )


def wide(report: QualityReport) -> Table:
    """The published table of one case."""
    return table(*wide_table([report], load_structures()))


def ranking(report: QualityReport, level: Any) -> Table:
    """A ranking of one case by "slice", "structure" or "case"."""
    return table(*ranking_table(rank(report, level), level))


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
_LEFT_OUT = {"model_sha256"}  # of the long table; the numbers tell when the model is another one


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
    run_segae("merge", out)
    return {
        "long": read_parquet(out / "scores.parquet"),
        "wide": read_csv(out / "scores_wide.csv"),
        **{f"ranking {level}": read_csv(out / f"ranking_{level}.csv") for level in LEVELS},
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
    values = (content.column(name).to_pylist() for name in columns)
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
