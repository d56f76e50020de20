"""The masks behind a fold's tables, one by one, for methods that look at whole slices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from segae.geometry.orientation import slice_index_in_orientation
from segae.io.ct import read_ct
from segae.labels.table import by_index
from segae_trainer.evaluate.methods import LazyMasks, MaskSlice
from segae_trainer.pseudo_labels.small_unet import read_masks
from segae_trainer.starter.cases import ORIENTATION, Case
from segae_trainer.starter.cohort import Member
from segae_trainer.starter.plan import FINAL, Plan
from segae_trainer.starter.rendering import scene_of, suite_pairs
from segae_trainer.starter.stages import SUITE_SEED

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Judged:
    """One mask in one slice of a case: `box` and what fills it, the row it is said to be, and its Dice."""

    case: Case
    member: Member
    k: int
    box: tuple[slice, slice]
    inside: np.ndarray
    structure: int
    target: float
    source: str
    kind: str

    def mask_slice(self) -> MaskSlice:
        """The same with its CT and its truth."""
        mask = np.zeros(self.case.ct.shape[1:], bool)
        mask[self.box] = self.inside
        return MaskSlice(
            self.case.ct[self.k], mask, self.case.labels[self.k] == self.structure, self.structure,
            self.case.pixel_mm, self.k, self.member.case, self.member.patient, self.source, self.kind,
            self.case.ct, self.case.slice_mm,
        )  # fmt: skip


def as_masks(judged: Sequence[Judged]) -> LazyMasks:
    """Made when they are looked at."""
    return LazyMasks(judged, Judged.mask_slice)


def suite_masks(plan: Plan, member: Member, case: Case) -> Iterator[Judged]:
    """The degraded masks of a case's suite: those of its pool, drawn again."""
    scene, seed = scene_of(case), plan.recipe.seed + SUITE_SEED
    for k in range(len(case.labels)):
        for pair in suite_pairs(scene, k, plan.spec, seed) if case.labels[k].any() else ():
            box, inside = _boxed(pair.mask)
            yield Judged(case, member, k, box, inside, pair.structure, pair.target, "degraded", pair.kind)


def suite_table(judged: Sequence[Judged]) -> pd.DataFrame:
    """Their rows as in the tables of a model, without a prediction."""
    import pandas as pd

    return pd.DataFrame(
        {
            "case": [one.member.case for one in judged],
            "patient": [one.member.patient for one in judged],
            "segment": [str(by_index(one.structure)) for one in judged],
            "structure_index": [one.structure for one in judged],
            "structure": [str(by_index(one.structure)) for one in judged],
            "slice": [one.k for one in judged],
            "source": [one.source for one in judged],
            "kind": [one.kind for one in judged],
            "area_mm2": [one.inside.sum() * float(np.prod(one.case.pixel_mm)) for one in judged],
            "dice": [one.target for one in judged],
        }
    )


def masks_of_rows(
    table: pd.DataFrame,
    plan: Plan,
    members: Mapping[str, Member],
    maps: Mapping[str, Mapping[str, np.ndarray]],
) -> list[Judged]:
    """The masks of a table's rows; `maps`: label maps (K, H, W) of each case by source."""
    cases = {name: members[name].read(plan.data) for name in table["case"].unique()}
    grids = {name: read_ct(plan.data / name / "ct.nii.gz").grid for name in cases}
    found = []
    columns = (table[name] for name in ("case", "source", "structure_index", "slice", "dice"))
    for name, source, row, index, target in zip(*columns, strict=True):
        k = slice_index_in_orientation(int(index), grids[name], ORIENTATION)
        box, inside = _boxed(maps[name][source][k] == row)
        found.append(Judged(cases[name], members[name], k, box, inside, int(row), target, source, "real"))
    return found


def label_maps(plan: Plan, case: Case) -> dict[str, np.ndarray]:
    """What networks made of a case, by source as the tables call it."""
    by_step = read_masks(plan.masks(FINAL, case.name))
    return {f"step {step}": labels for step, labels in by_step.items()} | case.predictions


def taught_masks(plan: Plan, training: str) -> list[Judged]:
    """All masks that a method may learn from in a training: degraded ones of its cases, and those of its
    cross-fitted networks; none that is empty."""
    found: list[Judged] = []
    for member in plan.taught(training):
        case = member.read(plan.data)
        found += [one for one in suite_masks(plan, member, case) if one.inside.size]
        rows = {int(row) for row in np.unique(case.labels) if row}
        for step, labels in read_masks(plan.masks(training, member.case)).items():
            for k in np.flatnonzero(labels.any(axis=(1, 2))).tolist():
                for row in rows & set(case.structures(k, labels)):
                    box, inside = _boxed(labels[k] == row)
                    found.append(Judged(case, member, k, box, inside, row, np.nan, f"step {step}", "real"))
    return found


def _boxed(mask: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray]:
    """The box of a mask, and a copy of what is in it; nothing for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool)
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return box, mask[box].copy()
