"""The training loop: seeded, and resumable at any step.

Everything random in step n is drawn from (seed, n), so that a run that was stopped and taken up again makes
the same steps as one that was not.
"""

from __future__ import annotations

import csv
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from segae.errors import InputError
from segae.files import whole_file
from segae.models.checkpoint import Checkpoint
from segae.models.dense import DenseNetwork, build
from segae.models.spec import ModelSpec
from segae.progress import Watch
from segae_trainer.starter.objective import objective
from segae_trainer.starter.pairs import KINDS
from segae_trainer.starter.pool import Pools
from segae_trainer.starter.views import random_views

STATE, LOSSES = "run.pt", "loss.csv"
_MOST = 8.0
# How much more often than it was rendered a kind of pair is drawn: what good masks look like, and that a name
# can be wrong, is learned last.
OFTEN = {"fine noise": 1.8, "exact": 1.8, "wrong name": 2.5}
_SHOWN = 50  # steps that one line of the table of losses sums up


@dataclass(frozen=True)
class Recipe:
    """First `small_steps` on pictures of half the size, which cost a quarter and teach the coarse things,
    then `full_steps` on whole ones. The rate rises and falls once in each part. `real`: share of the pairs
    that come from networks. The weights handed out are a moving average (`average`). `bfloat16`: convolve in
    that precision, where processors with instructions for it are faster and others slower."""

    small_steps: int = 6400
    full_steps: int = 3200
    small_batch: int = 48
    full_batch: int = 32
    learning_rate: float = 2e-3
    full_rate: float = 0.5
    weight_decay: float = 0.02
    warm_up: float = 0.05
    average: float = 0.99
    real: float = 0.35
    bfloat16: bool = True
    seed: int = 2026

    @property
    def steps(self) -> int:
        return self.small_steps + self.full_steps

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        if step < self.small_steps:
            # Ends at the height at which the second part goes on.
            fall = rise_and_fall(step, self.small_steps, self.warm_up)
            return self.learning_rate * max(fall, 0.2 if step > self.small_steps / 2 else 0.0)
        return (
            self.learning_rate
            * self.full_rate
            * rise_and_fall(step - self.small_steps, self.full_steps, self.warm_up)
        )

    def shortened(self, share: float) -> Recipe:
        """With `share` of the steps of each part."""
        small, full = (max(1, round(share * n)) for n in (self.small_steps, self.full_steps))
        return replace(self, small_steps=small, full_steps=full)


class Run:
    """A network in training, its moving average, and its optimiser."""

    def __init__(self, spec: ModelSpec, recipe: Recipe, text_vectors: Tensor, pools: Pools) -> None:
        torch.manual_seed(recipe.seed)
        self.spec, self.recipe, self.text_vectors, self.pools = spec, recipe, text_vectors, pools
        self.network: DenseNetwork = build(spec)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {key: value.clone() for key, value in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.step = 0
        self._real = np.flatnonzero(pools.kinds == KINDS.index("real"))
        self._real_chance = _flattening(pools.targets[self._real])
        self._other = np.flatnonzero(pools.kinds != KINDS.index("real"))
        often = np.array([OFTEN.get(kind, 1.0) for kind in KINDS])[pools.kinds[self._other]]
        self._other_chance = often / often.sum()

    def advance(self) -> float:
        """One step on a random batch; returns its loss."""
        recipe, small = self.recipe, self.step < self.recipe.small_steps
        draw = torch.Generator().manual_seed(recipe.seed * 1_000_003 + self.step)
        pairs = self.pools.batch(self._chosen(recipe.small_batch if small else recipe.full_batch))
        view = random_views(pairs, self.spec, self.spec.input.size // (2 if small else 1), draw)
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate(self.step)
        self.network.train()
        images = view.images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
            out = self.network.dense(images, self.text_vectors[view.structures], view.context)
        loss = objective(out, view)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self._follow()
        self.step += 1
        return float(loss.detach())

    def _chosen(self, count: int) -> np.ndarray:
        """Positions of a batch, shuffled: `real` of them masks of networks, where there are such."""
        rng = np.random.default_rng([self.recipe.seed, self.step])
        real = round(self.recipe.real * count) if len(self._real) else 0
        chosen = [rng.choice(self._real, real, p=self._real_chance)] if real else []
        return rng.permutation(
            np.concatenate([*chosen, rng.choice(self._other, count - real, p=self._other_chance)])
        )

    def _follow(self) -> None:
        """Draw the average a little nearer; at the start it keeps up faster."""
        kept = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for key, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[key].lerp_(value, 1 - kept)
            else:
                self.average[key].copy_(value)

    def checkpoint(self) -> Checkpoint:
        """The averaged weights in half precision."""
        halved = {
            key: value.half() if value.is_floating_point() else value for key, value in self.average.items()
        }
        return Checkpoint(self.spec, halved, self.text_vectors.half())

    def save(self, path: Path) -> None:
        state = {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average,
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
        self.average, self.step = state["average"], state["step"]


def train(
    pools: Pools,
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
    run = Run(spec, recipe, text_vectors, pools)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / STATE).is_file():
        run.restore(folder / STATE)
    recent, kept_at = [], time.monotonic()
    while run.step < recipe.steps:
        recent.append(run.advance())
        watch.step("training", run.step, recipe.steps)
        finished = run.step == recipe.steps
        if len(recent) == _SHOWN or finished:
            note_loss(folder / LOSSES, run.step, float(np.mean(recent)))
            recent = []
        if finished or time.monotonic() - kept_at > keep_every_seconds:
            run.save(folder / STATE)
            kept_at = time.monotonic()
    return run.checkpoint()


def _flattening(targets: np.ndarray) -> np.ndarray:
    """Chances (N,) with which Dice is drawn evenly from its tenths: masks of small networks are mostly bad.
    One so rare that it would be seen too often is not drawn more than `_MOST` times as often as the average.
    """
    tenth = np.clip((np.nan_to_num(targets) * 10).astype(int), 0, 9)
    weight = 1 / np.bincount(tenth, minlength=10).clip(min=1)[tenth]
    weight = np.minimum(weight, _MOST * weight.mean()) if len(weight) else weight
    return weight / weight.sum()


def rise_and_fall(step: int, steps: int, warm_up: float) -> float:
    """Share of the learning rate: a straight rise over the first `warm_up`, then a half cosine down to 0."""
    done = step / steps
    if done < warm_up:
        return (step + 1) / (warm_up * steps + 1)
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


def note_loss(path: Path, step: int, loss: float) -> None:
    """Add a line to the table of losses: step, loss, seconds since 1970."""
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow((step, f"{loss:.5f}", f"{time.time():.0f}"))
