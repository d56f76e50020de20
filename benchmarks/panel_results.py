"""Milliseconds of each call of the panel's results, for 26,000 slices; none should take over 30.

python benchmarks/panel_results.py
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace

os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkOSOpenGLRenderWindow")

import numpy as np
from rich.console import Console
from rich.table import Table

from segae.labels.table import LabelTable
from segae.models.quality_model import QualityModel
from segae.results.types import CaseReport, ModelIdentity, SegmentResult, SliceResult
from segae.results.verdicts import Doubts
from segae.scoring.assemble import segment_result
from SegAELib.app.results import Results

SEGMENTS, ROWS = 84, 26_000
REPEATS = 5


def segment(number: int, draw: np.random.Generator, intervals) -> SegmentResult:
    """A segment with its share of the rows and a few searched slices."""
    structure = LabelTable.default().offered[number]
    dice = draw.uniform(0.2, 1.0, ROWS // SEGMENTS + 1)
    slices = tuple(
        SliceResult(
            k, 0.0, 0.0, 1.5 * k, 1.5, 900.0, float(one), float(one), 0.1, 1.0, 850.0 * float(one), 880.0
        )
        for k, one in enumerate(dice, start=20)
    )
    searched = tuple(
        SliceResult(k, 0.0, 0.0, 1.5 * k, 6.0, 0.0, organ_mm2=300.0, presence=float(draw.uniform()))
        for k in range(0, 20, 4)
    )
    whole = SegmentResult(
        structure.name,
        structure.index,
        structure.name,
        400_000,
        900.0 * 1.5 * len(slices) / 1000,
        slices,
        searched,
    )
    return segment_result(whole, intervals, Doubts())


def milliseconds(call: Callable[[], object]) -> float:
    """Of one call, the fastest of some."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return 1000 * min(times)


def main() -> None:
    draw, intervals = np.random.default_rng(0), QualityModel.load("bundled").spec.intervals
    segments = tuple(segment(number, draw, intervals) for number in range(SEGMENTS))
    report = CaseReport("case", "ct", "masks", ModelIdentity("m", "0" * 64, "segae-dense"), segments)
    ids = [f"Segment_{n}" for n in range(SEGMENTS)]
    first, again = ids[0], segments[0]
    some = replace(report, segments=(again,), options={"only": {again.segment: [25]}})
    rows = again.slices[:8]

    def fresh() -> Results:
        return Results.of(report, ids, intervals)

    kept = fresh()
    others = iter([fresh() for _ in range(2 * REPEATS)])
    thresholds = iter(np.linspace(0.3, 0.9, 100))
    calls = {
        "Results.of": fresh,
        "all_slices, first time": lambda: next(others).all_slices("review"),
        "all_slices": lambda: kept.all_slices("review"),
        "ranking, first time": lambda: next(others).ranking("review"),
        "ranking": lambda: kept.ranking("review"),
        "slices_in_order": lambda: kept.slices_in_order(first, "review"),
        "slices": lambda: kept.slices(first),
        "missing": lambda: kept.missing(first),
        "place": lambda: kept.place((first, 30)),
        "count_below": kept.count_below,
        "set_threshold": lambda: kept.set_threshold(float(next(thresholds))),
        "merge of one slice": lambda: kept.merge(some, [first]),
        "add of a batch": lambda: kept.add({first: rows}, {}),
        "whole_report": kept.whole_report,
    }
    table = Table("call", "ms")
    for name, call in calls.items():
        table.add_row(name, f"{milliseconds(call):.2f}")
    Console().print(f"{report.n_slices:,} slices in {SEGMENTS} segments")
    Console().print(table)


if __name__ == "__main__":
    main()
