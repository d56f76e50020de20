"""How often the starter model's folds find what a mask leaves out, on the patient kept back.

    python benchmarks/search.py --data DATA --work WORK

`DATA` and `WORK` as for `benchmarks/starter.py`, after the folds were trained. Four questions, each of the
structures that the fold has learned: how many whole masks are said to have missing parts; how many of those
whose upper third was taken away; how many organs are found whose mask was emptied while the others kept
theirs; and how many that are known not to be in the scan. With the thresholds that ship, and for empty masks
with others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from rich import box
from rich.console import Console
from rich.table import Table
from trained_folds import parser, steps

from segae.data import Segment, Segmentation, Volume
from segae.geometry.orientation import orient_array
from segae.inputs.prepare import prepare_empty
from segae.io.ct import read_ct
from segae.labels.table import LabelTable
from segae.models.quality_model import QualityModel
from segae.results.types import SliceResult
from segae.results.verdicts import SURELY_PRESENT, present_without_mask
from segae.scoring.assemble import slice_results
from segae.scoring.occupied import occupied_by, without_occupied
from segae.scoring.scorer import Scorer
from segae_trainer.cli.folds import Steps, kept_back
from segae_trainer.data.sample import ORIENTATION, LabelledScan
from segae_trainer.data.scan_files import read_labelled_scan

TABLE = LabelTable.default()
OTHERS = (0.7, 0.8, 0.95, 0.97)  # thresholds of presence for an empty mask, beside the one that ships
TAKEN_AWAY = 0.3  # of the slices of a mask
LEAST_SLICES = 4


def segments_of(labels: np.ndarray, rows: set[int], volume: Volume) -> tuple[Segment, ...]:
    """The masks of structures `rows` in `labels` (K, H, W), on the grid of the CT's file."""
    placed = np.zeros(volume.grid.shape, labels.dtype)
    orient_array(placed, volume.grid, ORIENTATION)[...] = labels
    found = sorted(rows & {int(row) for row in np.unique(labels) if row})
    return tuple(
        Segment.from_mask(
            str(TABLE.by_index(row)),
            TABLE.by_index(row),
            placed == row,
            volume.grid,
        )
        for row in found
    )


def said_missing(scorer: Scorer, volume: Volume, labels: np.ndarray, rows: set[int]) -> set[int]:
    """The structures whose mask in `labels` (K, H, W) is said to have missing parts."""
    report = scorer.score_case(volume, Segmentation(segments_of(labels, rows, volume)))
    found = (one for one in report.segments if one.verdict == "missing parts")
    return {one.structure_index for one in found if one.structure_index is not None}


def shortened(labels: np.ndarray, rows: set[int]) -> tuple[np.ndarray, set[int]]:
    """The label map without the upper third of each structure, and the structures long enough for that."""
    result, done = labels.copy(), set()
    for row in rows:
        slices = np.flatnonzero((labels == row).any(axis=(1, 2)))
        if len(slices) >= LEAST_SLICES:
            for k in slices[-round(TAKEN_AWAY * len(slices)) :]:
                result[k][labels[k] == row] = 0
            done.add(row)
    return result, done


def searched(
    scorer: Scorer, scan: LabelledScan, volume: Volume, rows: set[int]
) -> Iterator[list[SliceResult]]:
    """Of each structure the slices of the search, its mask emptied and all others as they are."""
    ct, spec = scorer.orient(volume), scorer.model.spec
    masks = segments_of(scan.labels, {int(row) for row in np.unique(scan.labels)}, volume)
    for row in sorted(rows):
        taken = occupied_by(ct, [mask for mask in masks if mask.structure != TABLE.by_index(row)])
        empty = Segment.from_mask(
            str(row), TABLE.by_index(row), np.zeros(volume.grid.shape, bool), volume.grid
        )
        slices: list[SliceResult] = []
        for part in prepare_empty(ct, empty, spec.input):
            said = scorer.predict(part.input)
            free = without_occupied([part], said, taken)
            slices += slice_results([part], free, spec.intervals, ct.spacing[0])[0][1]
        yield slices


def found(slices: list[SliceResult], threshold: float) -> bool:
    """Whether the verdict "empty but present" follows, with another threshold of presence."""
    moved = [replace(one, presence=float((one.presence or 0.0) >= threshold)) for one in slices]
    return bool(present_without_mask(moved))


def lines(work: Steps, fold: str) -> Iterator[tuple[str, ...]]:
    """The rows of the table for the scans of a fold."""
    model = QualityModel.load(work.train(fold))
    known, scorer = set(model.spec.trained_labels), Scorer(model)
    for member in work.plan.cohort.of_patient(kept_back(fold) or ""):
        scan, _ = read_labelled_scan(member.scan(work.plan.data, "test"))
        volume = read_ct(work.plan.data / member.case / "ct.nii.gz")
        present = known & {int(row) for row in np.unique(scan.labels)}
        whole = said_missing(scorer, volume, scan.labels, present)
        yield member.case, "whole masks with missing parts", share(whole, present)
        short, cut = shortened(scan.labels, present)
        missing = said_missing(scorer, volume, short, present) & cut
        yield member.case, "shortened masks with missing parts", share(missing, cut)
        for text, rows in (("organs found", present), ("absent ones found", known & scan.absent)):
            looked = list(searched(scorer, scan, volume, rows))
            for threshold in (SURELY_PRESENT, *OTHERS):
                hits = [place for place, slices in enumerate(looked) if found(slices, threshold)]
                yield member.case, f"{text}, presence {threshold}", share(hits, looked)


def share(some, everything) -> str:
    return f"{len(some)} of {len(everything)}"


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--fold", action="append", help="only this one")
    arguments = asked.parse_args()
    torch.set_num_threads(arguments.threads)
    work = steps(arguments)
    table = Table("scan", "", "", box=box.SIMPLE_HEAD)
    for fold in arguments.fold or work.plan.folds:
        for line in lines(work, fold):
            table.add_row(*line)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
