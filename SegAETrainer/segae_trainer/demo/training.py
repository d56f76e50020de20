"""The training loop: seeded, and resumable at any step.

Everything random in step n is drawn from (seed, n), so that a run that was stopped and taken up again
makes the same steps as one that was not.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from segae.errors import InputError
from segae.models.checkpoint import Checkpoint
from segae.models.registry import build_network
from segae.models.spec import ModelSpec
from segae.progress import Watch
from segae.whole_file import whole_file
from segae_trainer.demo.pool import Pool
from segae_trainer.demo.views import random_views
from segae_trainer.losses.margin_ranking import margin_ranking
from segae_trainer.starter.training import note_loss, rise_and_fall
from segae_trainer.training.start import start_near


@dataclass(frozen=True)
class Recipe:
    """First `small_steps` on pictures of half the size, which cost a quarter and teach the coarse things,
    then `full_steps` on whole ones. The rate rises and falls once in each part; in the first along a half
    cosine over `rate_steps`, of which the part may use only the beginning. The squared error carries no
    weights by Dice: they make up for a set of mostly good masks, and here the pairs' Dice is spread
    evenly when they are drawn.
    """

    small_steps: int = 1005
    full_steps: int = 260
    rate_steps: int = 1300
    batch: int = 64
    learning_rate: float = 2e-3
    full_rate: float = 0.4
    weight_decay: float = 0.02
    warm_up: float = 0.06
    ranking: float = 0.3
    seed: int = 2026

    @property
    def steps(self) -> int:
        return self.small_steps + self.full_steps

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        if step < self.small_steps:
            return self.learning_rate * rise_and_fall(step, self.rate_steps, self.warm_up)
        fall = rise_and_fall(step - self.small_steps, self.full_steps, self.warm_up)
        return self.learning_rate * self.full_rate * fall

    def shortened(self, share: float) -> Recipe:
        """With `share` of the steps of each part."""
        small, full, rate = (
            max(1, round(share * n)) for n in (self.small_steps, self.full_steps, self.rate_steps)
        )
        return replace(self, small_steps=small, full_steps=full, rate_steps=rate)


class Run:
    """A network in training, and its optimiser."""

    def __init__(self, spec: ModelSpec, recipe: Recipe, text_vectors: Tensor) -> None:
        torch.manual_seed(recipe.seed)
        self.spec, self.recipe, self.text_vectors = spec, recipe, text_vectors
        self.network = build_network(spec).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        start_near(self.network, 0.5)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.step = 0

    def advance(self, pool: Pool) -> float:
        """One step on a random batch of `pool`; returns its loss."""
        recipe = self.recipe
        draw = torch.Generator().manual_seed(recipe.seed * 1_000_003 + self.step)
        chosen = np.random.default_rng([recipe.seed, self.step]).integers(len(pool), size=recipe.batch)
        size = self.spec.input_size // (2 if self.step < recipe.small_steps else 1)
        images = random_views(torch.from_numpy(pool.images[chosen]), self.spec, size, draw)
        target = torch.from_numpy(pool.targets[chosen])
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate(self.step)
        self.network.train()
        predicted = self.network(
            images.contiguous(memory_format=torch.channels_last), self.text_vectors[pool.structures[chosen]]
        ).dsc
        loss = (predicted - target).square().mean() + recipe.ranking * margin_ranking(predicted, target)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        return float(loss.detach())

    def checkpoint(self) -> Checkpoint:
        """The weights in half precision."""
        weights = {
            key: value.half() if value.is_floating_point() else value
            for key, value in self.network.state_dict().items()
        }
        return Checkpoint(self.spec, weights, self.text_vectors.half())

    def save(self, path: Path) -> None:
        state = {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        with whole_file(path) as stream:
            torch.save(state, stream)

    def restore(self, path: Path) -> None:
        """Raises `InputError` when the file belongs to a run with another recipe."""
        state = torch.load(path, weights_only=True)
        if state["recipe"] != asdict(self.recipe):
            raise InputError(
                f'"{path}" was begun with another recipe; choose another work folder or remove the file.'
            )
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]


def train(
    pool: Pool,
    spec: ModelSpec,
    recipe: Recipe,
    text_vectors: Tensor,
    folder: Path,
    *,
    watch: Watch | None = None,
    keep_every_seconds: float = 120.0,
) -> Checkpoint:
    """Train from scratch, or go on where `folder` says. It holds `run.pt` and `loss.csv`."""
    watch = watch or Watch()
    run = Run(spec, recipe, text_vectors)
    state, losses = folder / "run.pt", folder / "loss.csv"
    if state.is_file():
        run.restore(state)
    folder.mkdir(parents=True, exist_ok=True)
    recent, kept_at = [], time.monotonic()
    while run.step < recipe.steps:
        recent.append(run.advance(pool))
        watch.step("training", run.step, recipe.steps)
        finished = run.step == recipe.steps
        if len(recent) == 50 or finished:
            note_loss(losses, run.step, float(np.mean(recent)))
            recent = []
        if finished or time.monotonic() - kept_at > keep_every_seconds:
            run.save(state)
            kept_at = time.monotonic()
    return run.checkpoint()


def finished(spec: ModelSpec, recipe: Recipe, text_vectors: Tensor, folder: Path) -> Checkpoint:
    """What `train` ended with in `folder`. Raises `InputError` when it has not ended."""
    run = Run(spec, recipe, text_vectors)
    state = folder / "run.pt"
    if state.is_file():
        run.restore(state)
    if run.step < recipe.steps:
        raise InputError(f'"{folder}" holds no finished training; run the stage "{folder.name}" first.')
    return run.checkpoint()
