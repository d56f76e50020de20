"""Which masks a suite consists of, and how each is made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from segae_trainer.degrade.size import dilate, erode
from segae_trainer.evaluation.mask_slice import LazyMasks, MaskSlice
from segae_trainer.training_set import KINDS, TrainingSet


@dataclass(frozen=True, eq=False)
class Recipes:
    """`rows` (N,): pairs of the training set. `change_mm` (N,): by how many millimetres their truth is grown
    (above 0) or shrunk (below 0) to make the mask; 0 takes the mask of the pair."""

    rows: np.ndarray
    change_mm: np.ndarray

    @classmethod
    def as_they_are(cls, rows: np.ndarray) -> Recipes:
        return cls(rows, np.zeros(len(rows)))

    def __len__(self) -> int:
        return len(self.rows)


def of_kinds(training_set: TrainingSet, split: str, kinds: tuple[str, ...]) -> np.ndarray:
    """Rows of a split with one of `kinds`."""
    rows = training_set.pairs(split)
    return rows[np.isin(training_set.table["kind"][rows], [KINDS.index(kind) for kind in kinds])]


def truths(training_set: TrainingSet, split: str) -> np.ndarray:
    """One row for each organ in each slice of a split."""
    rows = training_set.pairs(split)
    rows = rows[training_set.table["truth_pixels"][rows] > 0]
    where = training_set.table[["scan", "structure", "slice"]][rows]
    return rows[np.sort(np.unique(where, return_index=True)[1])]


def changed(rows: np.ndarray, strengths_mm: tuple[float, ...]) -> Recipes:
    """The truths of `rows` at every strength."""
    return Recipes(np.tile(rows, len(strengths_mm)), np.repeat(strengths_mm, len(rows)))


def at_most(recipes: Recipes, training_set: TrainingSet, most: int, seed: int) -> Recipes:
    """Whole organs drawn by `seed` until at least `most` masks are reached, in their former order; all when
    there are no more than that."""
    if len(recipes) <= most:
        return recipes
    table = training_set.table[recipes.rows]
    columns = [table["scan"], table["structure"], table["source"], recipes.change_mm]
    _, organ = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    sizes = np.bincount(organ.ravel())
    order = np.random.default_rng(seed).permutation(len(sizes))
    enough = int(np.searchsorted(np.cumsum(sizes[order]), most)) + 1
    kept = np.isin(organ.ravel(), order[:enough])
    return Recipes(recipes.rows[kept], recipes.change_mm[kept])


def masks_of(recipes: Recipes, training_set: TrainingSet) -> LazyMasks:
    """The masks, each made when it is asked for."""

    def make(place: int) -> MaskSlice:
        stored = stored_mask(training_set, int(recipes.rows[place]))
        change = float(recipes.change_mm[place])
        return stored if change == 0 else _changed(stored, change)

    return LazyMasks(range(len(recipes)), make)


def stored_mask(training_set: TrainingSet, row: int) -> MaskSlice:
    """A pair of the training set as it is."""
    pair = training_set.slice_of(row)
    return MaskSlice(
        pair.ct, pair.mask, pair.truth, pair.structure, pair.pixel_mm, pair.slice, pair.scan.name,
        pair.scan.patient, pair.source, pair.kind, training_set.ct(int(training_set.table["scan"][row])),
        pair.scan.slice_mm,
    )  # fmt: skip


def _changed(stored: MaskSlice, change_mm: float) -> MaskSlice:
    pixels = abs(change_mm) / float(np.mean(stored.pixel_mm))
    resized, kind = (dilate, "dilated") if change_mm > 0 else (erode, "eroded")
    return replace(
        stored, mask=resized(stored.truth, pixels), source=f"{kind} {abs(change_mm):g} mm", kind=kind
    )
