"""Which order of review finds the wrong area soonest? Rules compared on masks whose truth is known.

    python benchmarks/review_order.py manifest.csv [--model MODEL]

The manifest has the columns patient, ct, truth and masks: label maps with indices of the label table, on
the grid of their CT. Each rule sorts the scored slices of each case. Printed are, as means over cases,

- `wrong area`: the share of the truly wrong area (mask or truth, not both) in the first tenth of the slices
- `first ten`: the share of the first ten slices with a true Dice below 0.7

and for leave-one-patient-out: the rule with the best sum of both on the other patients, and its figures on
the patient left out.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segae.io.ct import read_ct
from segae.io.readers import read_image
from segae.io.segmentation import read_segmentation
from segae.results.bins import POOR
from segae.results.review_order import SMALL_MM2, slice_priority
from segae.scoring.scorer import Scorer

FIRST = 10
BUDGET = 0.1


@dataclass(frozen=True, eq=False)
class Scored:
    """The n slices of a case: predicted Dice, areas (mm2) of the mask, of the predicted organ and of their
    overlap, true Dice and truly wrong area (mm2); all (n,)."""

    patient: str
    dice: np.ndarray
    mask: np.ndarray
    organ: np.ndarray
    overlap: np.ndarray
    true_dice: np.ndarray
    wrong: np.ndarray


Rule = Callable[[Scored], np.ndarray]


def weighted(power: float, area: float) -> Rule:
    """(1 - predicted Dice)^power x (mask + organ)^area, small slices last."""

    def key(case: Scored) -> np.ndarray:
        value = (1 - case.dice) ** power * (case.mask + case.organ) ** area
        return np.where(np.maximum(case.mask, case.organ) < SMALL_MM2, value - 1e9, value)

    return key


RULES: Mapping[str, Rule] = {
    "predicted Dice": lambda case: -case.dice,
    "expected wrong area": lambda case: case.mask + case.organ - 2 * case.overlap,
    **{
        f"(1 - Dice)^{power:g} x (mask + organ)^{area:g}": weighted(power, area)
        for power in (1, 2, 3)
        for area in (0.5, 0.75, 1.0)
    },
    "slice_priority": lambda case: slice_priority(case.dice, case.mask, case.organ),
}
REFERENCES: Mapping[str, Rule] = {
    "oracle (true wrong area)": lambda case: case.wrong,
    "random": lambda case: np.random.default_rng(0).random(len(case.dice)),
}


def score_case(scorer: Scorer, patient: str, ct: Path, truth: Path, masks: Path) -> Scored:
    """A case as the product scores it, with its truth."""
    volume, labels = read_ct(ct), read_image(truth).voxels
    report = scorer.score_case(volume, read_segmentation(masks), case=masks.name)
    drawn = read_image(masks).voxels
    axis = "kji".index(report.slice_axis)
    pixel = float(np.prod(volume.grid.spacing)) / float(volume.grid.spacing[2 - axis])
    rows = []
    for segment in report.segments:
        for one in segment.slices:
            mask = drawn.take(one.slice, axis) == segment.structure_index
            true = labels.take(one.slice, axis) == segment.structure_index
            both = mask.sum() + true.sum()
            dice = 2 * (mask & true).sum() / both if both else 1.0
            organ = one.area_mm2 if one.organ_mm2 is None else one.organ_mm2
            overlap = one.area_mm2 * (one.predicted_dice or 0) if one.overlap_mm2 is None else one.overlap_mm2
            rows.append((one.predicted_dice, one.area_mm2, organ, overlap, dice, (mask ^ true).sum() * pixel))
    return Scored(patient, *np.array(rows, float).T)


def figures(case: Scored, rule: Rule) -> tuple[float, float]:
    """Share of the wrong area in the first tenth of the slices, and of the first ten below `POOR`."""
    order = np.argsort(-rule(case), kind="stable")
    budget = max(1, math.ceil(BUDGET * len(order)))
    found = case.wrong[order[:budget]].sum() / max(case.wrong.sum(), 1e-9)
    return float(found), float((case.true_dice[order[:FIRST]] < POOR).mean())


def mean_figures(cases: Sequence[Scored], rule: Rule) -> np.ndarray:
    """Both figures (2,) as means over cases."""
    return np.mean([figures(case, rule) for case in cases], axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", default="bundled")
    options = parser.parse_args()
    scorer = Scorer(options.model)
    with options.manifest.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    base = options.manifest.parent
    cases = [
        score_case(scorer, row["patient"], base / row["ct"], base / row["truth"], base / row["masks"])
        for row in rows
    ]
    slices = sum(len(case.dice) for case in cases)
    patients = sorted({case.patient for case in cases})
    print(f"{len(cases)} segmentations of {len(patients)} patients, {slices} slices, model {options.model}")
    print(f"{'rule':34} wrong area   first ten")
    for name, rule in {**REFERENCES, **RULES}.items():
        found, precise = mean_figures(cases, rule)
        print(f"{name:34} {found:10.0%} {precise:11.0%}")
    print("leave one patient out")
    for patient in patients:
        own = [case for case in cases if case.patient == patient]
        others = [case for case in cases if case.patient != patient]
        best = max(RULES, key=lambda name: mean_figures(others, RULES[name]).sum()) if others else "none"
        if others:
            found, precise = mean_figures(own, RULES[best])
            print(f"{patient:10} {best:34} {found:10.0%} {precise:11.0%}")


if __name__ == "__main__":
    main()
