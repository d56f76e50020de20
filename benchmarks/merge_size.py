"""Memory and time of `segae merge` for a large batch, and whether time grows with the rows.

python benchmarks/merge_size.py                a tenth of 20,000 cases of 117 structures: 13 million slices
python benchmarks/merge_size.py --scale 1      all of them
python benchmarks/merge_size.py --folder DIR   keep the results there; by default they are removed

Case files with random scores are written first. Each merge runs in a process of its own, whose peak of
resident memory is what is printed; linear is a CPU time per million slices that stays the same from the
smallest to the largest size.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from segae.batch.merge import merge
from segae.labels.table import LabelTable
from segae.results.files import write_report
from segae.results.types import CaseReport, ModelIdentity, SegmentResult, SliceResult
from segae.results.verdicts import Doubts
from segae.scoring.assemble import segment_result

CASES, STRUCTURES, SLICES = 20_000, 117, 56
SEARCHED = 6
SHARES = (0.25, 0.5, 1.0)  # of the chosen size, to see how time grows
MODEL = ModelIdentity("benchmark", "0a" * 32, "segae-dense")


def case_report(number: int) -> CaseReport:
    """A case with random scores: the same for the same number."""
    draw = np.random.default_rng(number)
    segments = []
    for structure in LabelTable.default().offered[:STRUCTURES]:
        first, level = int(draw.integers(0, 400)), draw.uniform(0.4, 1.0)
        area = draw.uniform(100, 9000, SLICES)
        dice = np.clip(draw.normal(level, 0.1, SLICES), 0, 1)
        organ = area * draw.uniform(0.9, 1.1, SLICES)
        overlap = dice * (area + organ) / 2
        slices = tuple(
            SliceResult(first + k, 0.0, 0.0, 1.5 * (first + k), 1.5, a, d, d, max(0.0, d - 0.1), d, o, m)
            for k, (a, d, o, m) in enumerate(
                zip(area.tolist(), dice.tolist(), overlap.tolist(), organ.tolist(), strict=True)
            )
        )
        searched = tuple(
            SliceResult(k, 0.0, 0.0, 1.5 * k, 1.5, 0.0, organ_mm2=1.0, presence=0.01)
            for k in range(first - SEARCHED, first)
        )
        volume = 1.5 * float(area.sum()) / 1000
        whole = SegmentResult(
            structure.name, structure.index, structure.name, int(900 * volume), volume, slices, searched
        )
        segments.append(segment_result(whole, {}, Doubts()))
    return CaseReport(f"case{number:05}", "ct.nii.gz", "masks", MODEL, tuple(segments))


def write_case(job: tuple[int, Path]) -> None:
    number, folder = job
    write_report(case_report(number), folder / "cases" / f"case{number:05}.parquet")


def write_cases(folder: Path, numbers: range, workers: int) -> None:
    with ProcessPoolExecutor(workers) as pool:
        for _ in pool.map(write_case, ((number, folder) for number in numbers), chunksize=8):
            pass


Cost = tuple[float, float, float]  # seconds, seconds of the CPU, and peak memory in GB


def measured(folder: Path, limit: int | None) -> Cost:
    """Of a merge in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_merge, args=(folder, limit, answers))
    process.start()
    cost = answers.get()
    process.join()
    return cost


def _merge(folder: Path, limit: int | None, answers: multiprocessing.Queue[Cost]) -> None:
    started = time.perf_counter()
    merge(folder, limit=limit)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    answers.put((time.perf_counter() - started, time.process_time(), peak))


def sizes(folder: Path, cases: int, limit: int | None, workers: int) -> Iterator[tuple[int, Cost]]:
    """Number of cases and cost of a merge, from the smallest size to the largest."""
    done = 0
    for share in SHARES:
        count = max(1, round(cases * share))
        write_cases(folder, range(done, count), workers)
        done = count
        yield count, measured(folder, limit)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=0.1, help="share of the 20,000 cases")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--limit", type=int, help="rows per ranking, all by default")
    parser.add_argument("--workers", type=int, default=2, help="processes that write the case files")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="segae-merge-"))
    console, table = Console(), Table("cases", "slices", "s", "CPU s per million", "peak GB")
    try:
        for count, (seconds, cpu, peak) in sizes(
            folder, round(CASES * options.scale), options.limit, options.workers
        ):
            rows = count * STRUCTURES * SLICES
            table.add_row(
                f"{count:,}", f"{rows:,}", f"{seconds:.0f}", f"{cpu / rows * 1e6:.1f}", f"{peak:.2f}"
            )
    finally:
        if options.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    console.print(table)


if __name__ == "__main__":
    main()
