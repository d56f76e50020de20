"""Which samples a step sees, and its batch, rendered by other processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from segae.errors import InputError
from segae_trainer.data.sample import INVENTED, KINDS, PREDICTED, PSEUDO_LABEL
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.train.recipes import Recipe, Schedule
from segae_trainer.train.settings import TrainingSettings
from segae_trainer.train.views import Batch, Renderer

MOST_OFTEN = 8.0  # times the average: how often a mask of a rare Dice is drawn at most
MOST_WORKERS = 8
_OF_ONE_FILE = [KINDS.index(kind) for kind in PREDICTED]
_REAL = [KINDS.index(kind) for kind in (PSEUDO_LABEL, INVENTED)]
_VALIDATION, _SHARE = 0xA11, 0x5EA  # keep these draws apart from those of the steps


def usable_rows(training_set: TrainingSet, split: str, recipe: Recipe) -> np.ndarray:
    """Rows of `split` that the recipe may draw; raises `InputError` when there is none."""
    rows = training_set.rows(split)
    if not len(rows):
        raise InputError(
            f'The training set "{training_set.folder}" has no samples to '
            f"{'train' if split == 'train' else 'validate'} on (split {split}); build it from an index with "
            "patients in both splits."
        )
    usable = rows[training_set.table["overlap"][rows] >= recipe.least_overlap]
    if not len(usable):
        raise InputError(
            f'No sample of split {split} in "{training_set.folder}" has the {recipe.least_overlap} pixels of '
            f"overlap that the recipe {recipe.name} asks for; use another recipe or more masks."
        )
    return usable


def mask_files(table: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(N,) number of the mask file that each of `rows` belongs to, 0.. without gaps: one per scan, structure
    and source; synthetic samples count as a file for each of their kinds."""
    columns = [table[name][rows].astype(np.int64) for name in ("scan", "structure", "source", "kind")]
    columns[-1][np.isin(columns[-1], _OF_ONE_FILE)] = 0
    keys = np.stack(columns)
    return np.unique(keys, axis=1, return_inverse=True)[1].reshape(-1)


def one_slice_each(table: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random slice of each mask file, in random order."""
    shuffled = rng.permutation(rows)
    _, first = np.unique(mask_files(table, shuffled), return_index=True)
    return rng.permutation(shuffled[first])


class Draws(Protocol):
    """`rows`: all that may be drawn; `size`: how many an epoch draws, where the recipe counts epochs;
    `of_step`: those of a step with a batch of `count`."""

    rows: np.ndarray
    size: int

    def of_step(self, step: int, count: int) -> np.ndarray: ...


class MaskFileDraws:
    """One random slice of each mask file and epoch."""

    def __init__(self, training_set: TrainingSet, recipe: Recipe, seed: int) -> None:
        self.table, self.seed = training_set.table, seed
        self.rows = usable_rows(training_set, "train", recipe)
        self.size = int(mask_files(self.table, self.rows).max()) + 1
        self._steps = Schedule.of(recipe, self.size).epoch_steps
        self._last: tuple[int, np.ndarray] = (-1, self.rows)

    def order(self, epoch: int) -> np.ndarray:
        """(size,) rows."""
        if self._last[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            self._last = epoch, one_slice_each(self.table, self.rows, rng)
        return self._last[1]

    def of_step(self, step: int, count: int) -> np.ndarray:
        epoch, place = divmod(step, self._steps)
        return self.order(epoch)[place * count : (place + 1) * count]


class MixedDraws:
    """A share of masks of segmenters, drawn so that their Dice is even, and other samples, drawn by their
    kinds. `real_share` of the former are used at all."""

    size = 0

    def __init__(self, training_set: TrainingSet, recipe: Recipe, seed: int, real_share: float = 1.0) -> None:
        table = training_set.table
        rows = usable_rows(training_set, "train", recipe)
        predicted = np.isin(table["kind"][rows], _OF_ONE_FILE)
        chance = np.random.default_rng([seed, _SHARE]).random(len(rows))
        self.rows = rows[~predicted | (chance < real_share)]
        self.use(table["kind"][self.rows], table["dice"][self.rows], recipe, seed)

    def use(self, kinds: np.ndarray, dice: np.ndarray, recipe: Recipe, seed: int) -> None:
        """Chances from the kinds and the Dice of the rows."""
        self.seed, self.real = seed, recipe.real
        real = np.isin(kinds, _REAL)
        self._real, self._other = np.flatnonzero(real), np.flatnonzero(~real)
        self._real_chance = flattening(dice[self._real])
        weights = np.array([recipe.kind_weights.get(kind, 1.0) for kind in KINDS])[kinds[self._other]]
        self._other_chance = weights / weights.sum() if len(weights) else weights

    def places(self, step: int, count: int) -> np.ndarray:
        """Places in `rows` of the samples of a step, shuffled."""
        rng = np.random.default_rng([self.seed, step])
        real = round(self.real * count) if len(self._real) else 0
        real = count if not len(self._other) else real
        chosen = [rng.choice(self._real, real, p=self._real_chance)] if real else []
        if count > real:
            chosen.append(rng.choice(self._other, count - real, p=self._other_chance))
        return rng.permutation(np.concatenate(chosen))

    def of_step(self, step: int, count: int) -> np.ndarray:
        return self.rows[self.places(step, count)]


def flattening(dice: np.ndarray) -> np.ndarray:
    """Chances (N,) with which Dice is drawn evenly from its tenths: masks of small networks are mostly bad.
    One so rare that it would be seen too often is not drawn more than `MOST_OFTEN` times as often as the
    average."""
    tenth = np.clip((np.nan_to_num(dice) * 10).astype(int), 0, 9)
    weight = 1 / np.bincount(tenth, minlength=10).clip(min=1)[tenth]
    weight = np.minimum(weight, MOST_OFTEN * weight.mean()) if len(weight) else weight
    return weight / weight.sum()


def make_draws(training_set: TrainingSet, settings: TrainingSettings) -> Draws:
    """What the recipe draws. Raises `InputError` when there is nothing."""
    if settings.recipe.draw == "mask files":
        return MaskFileDraws(training_set, settings.recipe, settings.seed)
    return MixedDraws(training_set, settings.recipe, settings.seed, settings.real_share)


def validation_rows(
    training_set: TrainingSet, recipe: Recipe, seed: int, at_most: int | None = None
) -> np.ndarray:
    """One slice of each mask file, the same in every epoch; masks that are empty have no score. A recipe that
    takes its last weights can do without."""
    if recipe.select == "last" and not len(training_set.rows("val")):
        return np.zeros(0, int)
    rows = usable_rows(training_set, "val", recipe)
    rows = rows[training_set.table["mask_pixels"][rows] > 0]
    rng = np.random.default_rng([seed, _VALIDATION])
    return np.sort(one_slice_each(training_set.table, rows, rng)[:at_most])


class Draw(NamedTuple):
    """The rows of a batch, the seed of all that is random in it, () for none, and by how much its images are
    smaller than the network's."""

    rows: np.ndarray
    seed: tuple[int, ...] = ()
    shrink: int = 1


class Batches(Dataset[Batch]):
    """Renders a `Draw`."""

    def __init__(self, training_set: TrainingSet, renderer: Renderer) -> None:
        self.training_set = training_set
        self.renderer = renderer

    def __getitem__(self, draw: Draw) -> Batch:
        if not draw.seed:
            return self.renderer.plain(self.training_set, draw.rows)
        random = torch.Generator().manual_seed(seed_number(*draw.seed))
        return self.renderer.varied(self.training_set, draw.rows, draw.shrink, random)


class Steps(Sampler[Draw]):
    """The draws of one device from step `first` to the last: every step's batch is cut into `shares` parts
    for all devices, and this device computes the parts `own` one after the other."""

    def __init__(
        self, draws: Draws, schedule: Schedule, seed: int, first: int, shares: int = 1, own: range = range(1)
    ) -> None:
        self.draws, self.schedule, self.seed = draws, schedule, seed
        self.first, self.shares, self.own = first, shares, own

    def __iter__(self) -> Iterator[Draw]:
        for step in range(self.first, self.schedule.steps):
            phase, _ = self.schedule.at(step)
            parts = np.array_split(self.draws.of_step(step, phase.batch), self.shares)
            for part in self.own:
                yield Draw(parts[part], (self.seed, step, part), phase.shrink)


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


def choose_workers(requested: int | None) -> int:
    """One process per processor but one, for the network."""
    if requested is not None:
        return requested
    return max(1, min(MOST_WORKERS, (os.cpu_count() or 2) - 1))


def seed_number(*seed: int) -> int:
    """One number from several, so that neighbours have nothing in common."""
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]) >> 1
