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
from trained_folds import parser

from segae.data import Segment, Volume
from segae.inputs.prepare import prepare_empty
from segae.io.ct import read_ct
from segae.labels.table import by_index
from segae.results.types import SliceResult
from segae.results.verdicts import SURELY_PRESENT, present_without_mask
from segae.scoring.assemble import slice_results
from segae.scoring.occupied import occupied_by, without_occupied
from segae.scoring.scorer import Scorer
from segae_trainer.starter.cases import Case
from segae_trainer.starter.cohort import Member, read_cohort
from segae_trainer.starter.figures import loaded
from segae_trainer.starter.plan import Plan
from segae_trainer.starter.stages import train_network, trained_rows
from segae_trainer.starter.tables import report_of, segments_of

OTHERS = (0.7, 0.8, 0.95, 0.97)  # thresholds of presence for an empty mask, beside the one that ships
TAKEN_AWAY = 0.3  # of the slices of a mask
LEAST_SLICES = 4


def said_missing(scorer: Scorer, member: Member, plan: Plan, labels: np.ndarray, rows: set[int]) -> set[int]:
    """The structures whose mask in `labels` (K, H, W) is said to have missing parts."""
    report, _ = report_of(scorer, member, plan.data, labels, rows)
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


def searched(scorer: Scorer, case: Case, volume: Volume, rows: set[int]) -> Iterator[list[SliceResult]]:
    """Of each structure the slices of the search, its mask emptied and all others as they are."""
    ct, spec = scorer.orient(volume), scorer.model.spec
    masks = list(segments_of(case.labels, [row for row in np.unique(case.labels) if row], volume))
    for row in sorted(rows):
        taken = occupied_by(ct, [mask for mask in masks if mask.structure != by_index(row)])
        empty = Segment.from_mask(str(row), by_index(row), np.zeros(volume.grid.shape, bool), volume.grid)
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


def lines(plan: Plan, fold: str) -> Iterator[tuple[str, ...]]:
    """The rows of the table for the cases of a fold."""
    known = set(trained_rows(plan, fold))
    checkpoint = train_network(plan, fold)
    model = loaded(replace(checkpoint, spec=replace(checkpoint.spec, trained_labels=tuple(sorted(known)))))
    scorer = Scorer(model)
    for member in plan.tested(fold):
        case = member.read(plan.data)
        present = known & {int(row) for row in np.unique(case.labels)}
        yield (
            member.case,
            "whole masks with missing parts",
            share(said_missing(scorer, member, plan, case.labels, present), present),
        )
        short, cut = shortened(case.labels, present)
        yield (
            member.case,
            "shortened masks with missing parts",
            share(said_missing(scorer, member, plan, short, present) & cut, cut),
        )
        volume = read_ct(plan.data / member.case / "ct.nii.gz")
        for text, rows in (("organs found", present), ("absent ones found", known & case.absent)):
            looked = list(searched(scorer, case, volume, rows))
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
    plan = Plan(read_cohort(), arguments.data, arguments.work)
    table = Table("scan", "", "", box=box.SIMPLE_HEAD)
    for fold in arguments.fold or plan.folds:
        for line in lines(plan, fold):
            table.add_row(*line)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
