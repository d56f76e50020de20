"""The suites by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from segae.errors import InputError
from segae_trainer.evaluation.mask_slice import LazyMasks
from segae_trainer.evaluation.suites.recipes import Recipes, at_most, changed, masks_of, of_kinds, truths
from segae_trainer.index.scan import SPLITS
from segae_trainer.training_set import TrainingSet
from segae_trainer.training_set.sampling import LEAST_OVERLAP

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
