"""Which slices an epoch sees, and their batches, rendered by other processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from segae.errors import InputError
from segae_trainer.data.training_set import KINDS, TrainingSet
from segae_trainer.train.recipes import Recipe
from segae_trainer.train.render import Batch, Renderer

DICE_BINS = 20
_OF_ONE_FILE = [KINDS.index(kind) for kind in ("pseudo label", "missed", "invented")]
_VALIDATION = 0xA11  # keeps the draw for validation apart from those of the epochs


def usable_rows(training_set: TrainingSet, split: str, recipe: Recipe) -> np.ndarray:
    """Positions of the pairs of `split` that the recipe may draw; raises `InputError` when there is none."""
    rows = training_set.pairs(split)
    if not len(rows):
        raise InputError(
            f'The training set "{training_set.folder}" has no pairs to '
            f"{'train' if split == 'train' else 'validate'} on (split {split}); build it from an index with "
            "patients in both splits."
        )
    usable = rows[training_set.table["overlap"][rows] >= recipe.least_overlap]
    if not len(usable):
        raise InputError(
            f'No pair of split {split} in "{training_set.folder}" has the {recipe.least_overlap} pixels of '
            f"overlap that the recipe {recipe.name} asks for; use another recipe or more masks."
        )
    return usable


def mask_files(table: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(N,) number of the mask file that each of `rows` belongs to, 0.. without gaps: one per scan, structure
    and source; what was made on purpose counts as a file for each of its kinds."""
    columns = [table[name][rows].astype(np.int64) for name in ("scan", "structure", "source", "kind")]
    columns[-1][np.isin(columns[-1], _OF_ONE_FILE)] = 0
    keys = np.stack(columns)
    return np.unique(keys, axis=1, return_inverse=True)[1].reshape(-1)


def one_slice_each(table: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random slice of each mask file, in random order."""
    shuffled = rng.permutation(rows)
    _, first = np.unique(mask_files(table, shuffled), return_index=True)
    return rng.permutation(shuffled[first])


def evenly_by_dice(
    table: np.ndarray, rows: np.ndarray, count: int, missed: float, rng: np.random.Generator
) -> np.ndarray:
    """`count` draws with replacement: a share of `missed` with an empty mask, where there are any; among the
    others each of the `DICE_BINS` intervals that has pairs is equally likely."""
    bins = np.minimum((table["dice"][rows] * DICE_BINS).astype(np.int64), DICE_BINS - 1)
    empty = table["mask_pixels"][rows] == 0
    shares = np.zeros(len(rows))
    shares[~empty] = 1 / np.bincount(bins[~empty], minlength=DICE_BINS)[bins[~empty]]
    if not empty.any() or empty.all():
        shares[empty] = 1
    else:
        shares[empty] = missed / (1 - missed) * shares.sum() / empty.sum()
    return rng.choice(rows, count, p=shares / shares.sum())


class Epochs:
    """The draws of a training: `order(epoch)` gives its pairs, as many in every epoch."""

    def __init__(self, training_set: TrainingSet, recipe: Recipe, seed: int) -> None:
        self.recipe, self.seed = recipe, seed
        self.table = training_set.table
        self.rows = usable_rows(training_set, "train", recipe)
        self.size = int(mask_files(self.table, self.rows).max()) + 1

    @property
    def steps(self) -> int:
        """Steps of an epoch: whole batches; what is left over waits for another epoch's draw."""
        return max(1, self.size // self.recipe.batch)

    def order(self, epoch: int) -> np.ndarray:
        """(size,) positions."""
        rng = np.random.default_rng([self.seed, epoch])
        if self.recipe.draw == "mask files":
            return one_slice_each(self.table, self.rows, rng)
        return evenly_by_dice(self.table, self.rows, self.size, self.recipe.missed, rng)


def validation_rows(
    training_set: TrainingSet, recipe: Recipe, seed: int, at_most: int | None = None
) -> np.ndarray:
    """One slice of each mask file, the same in every epoch; masks that are empty have no score."""
    rows = usable_rows(training_set, "val", recipe)
    rows = rows[training_set.table["mask_pixels"][rows] > 0]
    rng = np.random.default_rng([seed, _VALIDATION])
    return np.sort(one_slice_each(training_set.table, rows, rng)[:at_most])


MOST_WORKERS = 8


class Draw(NamedTuple):
    """The pairs of a batch, and the seed of all that is random in it; () for none."""

    rows: np.ndarray
    seed: tuple[int, ...] = ()


class Batches(Dataset[Batch]):
    """Renders a `Draw`."""

    def __init__(self, training_set: TrainingSet, renderer: Renderer) -> None:
        self.training_set = training_set
        self.renderer = renderer

    def __getitem__(self, draw: Draw) -> Batch:
        if not draw.seed:
            return self.renderer.plain(self.training_set, draw.rows)
        random = torch.Generator().manual_seed(seed_number(*draw.seed))
        return self.renderer.varied(self.training_set, draw.rows, random)


class Steps(Sampler[Draw]):
    """The draws of one device from step `first` to the last: every step's batch is cut into `shares` parts
    for all devices, and this device computes the parts `own` one after the other."""

    def __init__(self, epochs: Epochs, first: int, shares: int, own: range) -> None:
        self.epochs, self.first, self.shares, self.own = epochs, first, shares, own

    def __iter__(self) -> Iterator[Draw]:
        epochs = self.epochs
        batch = epochs.recipe.batch
        for epoch in range(self.first // epochs.steps, epochs.recipe.epochs):
            order = epochs.order(epoch)
            for index in range(epochs.steps):
                step = epoch * epochs.steps + index
                if step < self.first:
                    continue
                parts = np.array_split(order[index * batch : (index + 1) * batch], self.shares)
                for part in self.own:
                    yield Draw(parts[part], (epochs.seed, step, part))


def batch_loader(batches: Batches, draws: Sampler[Draw] | list[Draw], workers: int, pin: bool) -> DataLoader:
    """Each draw rendered, in order."""
    return DataLoader(
        batches,
        batch_size=None,
        sampler=draws,
        num_workers=workers,
        pin_memory=pin,
        prefetch_factor=2 if workers else None,
        worker_init_fn=_leave_group if workers else None,
    )


def _leave_group(_: int) -> None:
    """Ctrl-C reaches a whole group of processes; the training alone hears it, and ends after its step."""
    if hasattr(os, "setpgid"):  # not on Windows
        os.setpgid(0, 0)


def choose_workers(wanted: int | None) -> int:
    """One process per processor but one, for the network."""
    if wanted is not None:
        return wanted
    return max(1, min(MOST_WORKERS, (os.cpu_count() or 2) - 1))


def seed_number(*seed: int) -> int:
    """One number from several, so that neighbours have nothing in common."""
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]) >> 1
