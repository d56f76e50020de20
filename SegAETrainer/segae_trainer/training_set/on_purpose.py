"""True masks that are made wrong, given another name, or left as they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from segae.labels import load_structures
from segae_trainer.degrade.catalogue import OrganSlice
from segae_trainer.degrade.names import wrong_name
from segae_trainer.degrade.spread import spread_evenly, working_box
from segae_trainer.training_set.layout import KINDS, Pair
from segae_trainer.training_set.sampling import Sampling
from segae_trainer.training_set.truth import Truth

_ATTEMPTS = 20  # at another name that the set teaches


def degraded_pairs(
    ct: np.ndarray, truth: Truth, organs: np.ndarray, seed: list[int], source: int
) -> Iterator[Pair]:
    """A mask for each of the `organs` (N, 2; slice and row), whose Dice spreads evenly over 0..1. `ct`
    (K, H, W) HU."""
    rng = np.random.default_rng(seed)
    for k, structure in organs.tolist():
        true = truth.mask(k, structure)
        box = working_box(true)
        how, inside, _ = spread_evenly(OrganSlice(ct[k][box], truth.labels[k][box], true[box]), rng)
        mask = np.zeros_like(true)
        mask[box] = inside
        kind = "exact" if how == "exact" else "degraded"  # all that was tried left nothing of a thin organ
        overlap = int(np.count_nonzero(mask & true))
        yield Pair.of(k, structure, source, kind, overlap, truth.store(mask), truth.stored(k, structure))


def exact_pairs(truth: Truth, organs: np.ndarray, source: int) -> Iterator[Pair]:
    """The true masks of `organs` themselves."""
    for k, structure in organs.tolist():
        true = truth.stored(k, structure)
        yield Pair.of(k, structure, source, "exact", true.pixels, true, true)


def wrong_name_pairs(
    truth: Truth, organs: np.ndarray, names: frozenset[int], seed: list[int], source: int
) -> Iterator[Pair]:
    """The true masks of `organs` under another of `names`, of which there are two or more. True masks do not
    overlap, so that the Dice with what they are said to be is 0."""
    rng = np.random.default_rng(seed)
    for k, structure in organs.tolist():
        other = _other_name(structure, names, rng)
        yield Pair.of(
            k, other, source, "wrong name", 0, truth.stored(k, structure), truth.stored(k, other)
        )


def draw_organs(organs: np.ndarray, count: int, sampling: Sampling, scan: str, kind: str) -> np.ndarray:
    """`count` of the `organs` (N, 2) in their order, none more than once oftener than another."""
    if not len(organs):
        return organs
    rounds, rest = divmod(count, len(organs))
    rng = np.random.default_rng([*seed_of(sampling, scan, kind), 0])
    some = np.sort(rng.choice(len(organs), rest, replace=False))
    return np.concatenate((np.repeat(organs, rounds, axis=0), organs[some]))


def seed_of(sampling: Sampling, scan: str, kind: str) -> list[int]:
    """Seed of one kind of mask in one scan, whatever was drawn before."""
    return [sampling.seed, KINDS.index(kind), *scan.encode()]


def _other_name(structure: int, names: frozenset[int], rng: np.random.Generator) -> int:
    for _ in range(_ATTEMPTS):
        other = wrong_name(structure, load_structures(), rng)
        if other in names:
            return other
    return int(rng.choice(sorted(names - {structure})))
