"""The test suites of masks: each turns a split of a training set into masks to score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from segae.errors import InputError
from segae_trainer.data.index import SPLITS
from segae_trainer.data.pairs import LEAST_OVERLAP
from segae_trainer.data.synthetic_errors import dilate, erode
from segae_trainer.data.training_set import KINDS, TrainingSet
from segae_trainer.evaluate.methods import LazyMasks, MaskSlice


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


STRENGTHS_MM = (3.0, 6.0, 9.0, 12.0, 15.0)
MOST_MASKS = 20_000
SEED = 2026


@dataclass(frozen=True)
class Suite:
    """`title` and `description` are for readers. `volumes`: whether its slices make up volumes of organs that
    can be judged as a whole. `find`: the recipes for a split."""

    name: str
    title: str
    description: str
    volumes: bool
    find: Callable[[TrainingSet, str], Recipes]


def _pseudo_labels(training_set: TrainingSet, split: str) -> Recipes:
    return Recipes.as_they_are(of_kinds(training_set, split, ("pseudo label", "missed", "invented")))


def _published_test(training_set: TrainingSet, split: str) -> Recipes:
    rows = of_kinds(training_set, split, ("pseudo label",))
    return Recipes.as_they_are(rows[training_set.table["overlap"][rows] >= LEAST_OVERLAP])


def _degraded(training_set: TrainingSet, split: str) -> Recipes:
    return Recipes.as_they_are(of_kinds(training_set, split, ("degraded", "exact", "wrong name")))


def _eroded(training_set: TrainingSet, split: str) -> Recipes:
    return changed(truths(training_set, split), tuple(-mm for mm in STRENGTHS_MM))


def _dilated(training_set: TrainingSet, split: str) -> Recipes:
    return changed(truths(training_set, split), STRENGTHS_MM)


_STRENGTHS = ", ".join(f"{mm:g}" for mm in STRENGTHS_MM)

SUITES: Mapping[str, Suite] = MappingProxyType(
    {
        suite.name: suite
        for suite in (
            Suite("test", "Test set, published protocol",
                  f"Masks of segmentation networks in slices where mask and truth share at least "
                  f"{LEAST_OVERLAP} pixels, as in the paper; Dice of the whole slice.",
                  True, _published_test),
            Suite("pseudo labels", "Masks of segmentation networks, all slices",
                  "Every slice in which mask or truth has a pixel: also where they do not touch, and, for "
                  "the organ as a whole, where the mask misses it.", True, _pseudo_labels),
            Suite("erosion", "Eroded truth",
                  f"True masks made too small by {_STRENGTHS} mm in each slice.", True, _eroded),
            Suite("dilation", "Dilated truth",
                  f"True masks made too large by {_STRENGTHS} mm in each slice.", True, _dilated),
            Suite("degraded", "Masks made wrong on purpose",
                  "True masks degraded in many ways, left as they are, or given another organ's name.",
                  False, _degraded),
        )
    }
)  # fmt: skip


def suites_of(names: Sequence[str]) -> tuple[Suite, ...]:
    """The suites by these names; raises `InputError` for an unknown one."""
    for name in names:
        if name not in SUITES:
            raise InputError(f'There is no suite "{name}"; choose from {", ".join(SUITES)}.')
    return tuple(SUITES[name] for name in dict.fromkeys(names))


def build_suite(
    suite: Suite, training_set: TrainingSet, split: str, *, most: int = MOST_MASKS, seed: int = SEED
) -> LazyMasks:
    """The masks of a suite in a split; whole organs are drawn by `seed` until there are about `most`. Empty
    when the split has no such masks; raises `InputError` when it has none at all."""
    if not len(training_set.pairs(split)):
        counts = ", ".join(f"{name}: {len(training_set.pairs(name))}" for name in SPLITS)
        raise InputError(
            f'The training set "{training_set.folder}" has no masks in the split "{split}" ({counts}); '
            "choose another with --split, or build it with more patients."
        )
    return masks_of(at_most(suite.find(training_set, split), training_set, most, seed), training_set)


def training_masks(training_set: TrainingSet) -> LazyMasks:
    """All pairs of the training split, for what is fitted."""
    rows = np.asarray(training_set.pairs("train"))
    return masks_of(Recipes.as_they_are(rows), training_set)
