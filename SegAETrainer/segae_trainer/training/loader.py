"""Batches as they are needed, rendered by other processes while the network computes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from segae_trainer.training.batch import Batch
from segae_trainer.training.render import Renderer
from segae_trainer.training.sampling import Epochs
from segae_trainer.training_set import TrainingSet

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
