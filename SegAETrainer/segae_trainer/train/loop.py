"""The loop: steps, validation after each epoch, checkpoints.

Everything random in a step is drawn from (seed, step), so that a training that was killed and taken up again
makes the same steps as one that was not; on a CPU it ends with the same bits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.utils.data import DataLoader

from segae.errors import Cancelled, SegAEError
from segae.progress import Watch
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.metrics import lcc
from segae_trainer.train.batches import (
    Batches,
    Draw,
    Epochs,
    Steps,
    batch_loader,
    choose_workers,
    seed_number,
)
from segae_trainer.train.losses import Cost, Lesson
from segae_trainer.train.progress import EpochFigures, Progress, draw_curves, write_metrics
from segae_trainer.train.recipes import learning_rate
from segae_trainer.train.render import Batch, Renderer
from segae_trainer.train.run_folder import RunFolder, StateFile, StopSwitch, keep, kept
from segae_trainer.train.settings import TrainingSettings

_LOG_EVERY = 10  # steps


@dataclass(frozen=True, eq=False)
class Lessons:
    """What a training sees: the pairs, the draws of its epochs, and the rows it is validated on."""

    training_set: TrainingSet
    epochs: Epochs
    validation: np.ndarray


class Loop:
    """A network in training on the devices of `fabric`."""

    def __init__(
        self,
        fabric: Fabric,
        lesson: Lesson,
        lessons: Lessons,
        renderer: Renderer,
        settings: TrainingSettings,
        run: RunFolder,
    ) -> None:
        self.fabric, self.lessons, self.settings, self.run = fabric, lessons, settings, run
        self.recipe = settings.recipe
        self._batches = Batches(lessons.training_set, renderer)
        self.progress = Progress()
        optimiser = _OPTIMISERS[self.recipe.optimiser](
            lesson.parameters(), lr=self.recipe.learning_rate, weight_decay=self.recipe.weight_decay
        )
        self.lesson, self.optimiser = fabric.setup(lesson, optimiser)
        self._kept_at = time.monotonic()

    @property
    def total_steps(self) -> int:
        return self.recipe.epochs * self.lessons.epochs.steps

    @property
    def ended(self) -> bool:
        """Whether all epochs are done, or the LCC has not risen for too long."""
        patience = self.settings.patience
        tired = patience is not None and self.progress.epochs_since_best >= patience
        return tired or self.progress.step >= self.total_steps

    def restore(self) -> None:
        """Go on where the last checkpoint is; without one the training begins."""
        if self.run.last.is_file():
            state = kept(self.run.last)
            self.lesson.load_state_dict(state["lesson"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.progress = Progress.from_dict(state["progress"])

    def train(self, watch: Watch, switch: StopSwitch, state: StateFile | None) -> None:
        """Raises `Cancelled` when it was asked to stop; what was learned is kept."""
        if self.ended:
            return
        batches = iter(self._training_batches())
        started = time.monotonic()
        while not self.ended:
            self._step(batches)
            self.progress.seconds += time.monotonic() - started
            started = time.monotonic()
            if self.progress.step % self.lessons.epochs.steps == 0:
                self._end_epoch(state)
            elif self._due():
                self._keep()
            if state is not None:
                state.beat()
            self._stop_if_asked(watch, switch)

    def _step(self, batches: Iterator[Batch]) -> None:
        machine, step = self.settings.machine, self.progress.step
        rate = learning_rate(self.recipe, step, self.lessons.epochs.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        torch.manual_seed(seed_number(self.settings.seed, step, self.fabric.global_rank))
        self.lesson.train()
        sums = torch.zeros(3)
        for part in range(machine.accumulate):
            batch = self.fabric.to_device(next(batches))
            with self.fabric.no_backward_sync(self.lesson, enabled=part < machine.accumulate - 1):
                cost: Cost = _fitting(self.lesson, batch)
                self.fabric.backward(cost.total / machine.accumulate)
            sums += torch.stack(cost[:3]).detach().float().cpu() / machine.accumulate
        if self.recipe.clip:
            self.fabric.clip_gradients(self.lesson, self.optimiser, max_norm=self.recipe.clip)
        self.optimiser.step()
        self.optimiser.zero_grad()
        total, mse, ranking = (old + new for old, new in zip(self.progress.sums, sums.tolist(), strict=True))
        self.progress.sums = (total, mse, ranking)
        self.progress.step += 1
        if self.progress.step % _LOG_EVERY == 0:
            self.fabric.log_dict({"train/loss": sums[0], "learning_rate": rate}, self.progress.step)

    def _end_epoch(self, state: StateFile | None) -> None:
        began = time.monotonic()
        predicted, target, loss = self._validate()
        progress, steps = self.progress, self.lessons.epochs.steps
        trained = [self._mean(value / steps) for value in progress.sums]
        row = EpochFigures(
            epoch=len(progress.history),
            step=progress.step,
            train_loss=trained[0],
            train_mse=trained[1],
            train_ranking=trained[2],
            val_loss=loss,
            val_lcc=lcc(predicted, target),
            val_mae=float(np.abs(predicted - target).mean()),
            learning_rate=learning_rate(self.recipe, progress.step - 1, steps),
            seconds=progress.seconds + time.monotonic() - began,
        )
        progress.history.append(row)
        progress.sums, progress.seconds = (0.0, 0.0, 0.0), 0.0
        figures = {"val/loss": row.val_loss, "val/lcc": row.val_lcc, "val/mae": row.val_mae}
        self.fabric.log_dict(figures, progress.step)
        if self.fabric.is_global_zero:
            if progress.best is row:
                keep({"network": self.lesson.module.network.state_dict(), "epoch": row.epoch}, self.run.best)
            self._keep()
            write_metrics(progress.history, self.run.metrics)
            draw_curves(progress.history, progress.best, self.run.curves)
        if state is not None:
            state.running(len(progress.history))

    def _validate(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Predicted and true Dice of all rows, and the mean loss of the batches."""
        rows, fabric = self.lessons.validation, self.fabric
        size = max(2, self.recipe.batch // fabric.world_size // self.settings.machine.accumulate)
        own = rows[fabric.global_rank :: fabric.world_size]
        draws = [Draw(part) for part in np.array_split(own, max(1, -(-len(own) // size))) if len(part)]
        predicted, target, losses = [], [], []
        self.lesson.eval()
        with torch.no_grad():
            for batch in self._loader(draws):
                batch = fabric.to_device(batch)
                cost: Cost = _fitting(self.lesson, batch)
                predicted.append(cost.predicted.float().cpu())
                target.append(batch.target.cpu())
                losses.append(float(cost.total))
        return self._together(predicted), self._together(target), self._mean(float(np.mean(losses)))

    def _mean(self, value: float) -> float:
        """Over all devices."""
        mean = self.fabric.all_reduce(torch.tensor(value), reduce_op="mean")
        assert isinstance(mean, Tensor)
        return float(mean)

    def _together(self, parts: list[Tensor]) -> np.ndarray:
        """The values of all devices."""
        own, n, world = torch.cat(parts), len(self.lessons.validation), self.fabric.world_size
        if world == 1:
            return own.numpy()
        padded = torch.zeros(-(-n // world))  # all devices must send as many
        padded[: len(own)] = own
        gathered = self.fabric.all_gather(padded.to(self.fabric.device))
        assert isinstance(gathered, Tensor)
        return gathered.cpu().reshape(world, -1).T.reshape(-1)[:n].numpy()

    def _training_batches(self) -> DataLoader:
        parts, rank = self.settings.machine.accumulate, self.fabric.global_rank
        own = range(rank * parts, (rank + 1) * parts)
        shares = self.fabric.world_size * parts
        return self._loader(Steps(self.lessons.epochs, self.progress.step, shares, own))

    def _loader(self, draws: Steps | list[Draw]) -> DataLoader:
        workers = choose_workers(self.settings.machine.workers)
        pin = self.fabric.device.type == "cuda"
        return batch_loader(self._batches, draws, workers, pin)

    def _due(self) -> bool:
        machine = self.settings.machine
        late = time.monotonic() - self._kept_at > machine.keep_every_seconds
        return late or self.progress.step % machine.keep_every_steps == 0

    def _keep(self) -> None:
        self._kept_at = time.monotonic()
        if self.fabric.is_global_zero:
            state = {
                "lesson": self.lesson.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "progress": self.progress.as_dict(),
            }
            keep(state, self.run.last)

    def _stop_if_asked(self, watch: Watch, switch: StopSwitch) -> None:
        if watch.progress is not None and self.fabric.is_global_zero:
            Watch(watch.progress).step("training", self.progress.step, self.total_steps)
        asked = switch.on or (watch.cancel is not None and watch.cancel.cancelled)
        if self.fabric.world_size > 1:
            asked = self._mean(float(asked)) > 0
        if asked and not self.ended:
            self._keep()
            raise Cancelled("Stopped on request; the same command goes on.")


_OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def _fitting(lesson: torch.nn.Module, batch: Batch) -> Cost:
    try:
        return lesson(batch)
    except torch.cuda.OutOfMemoryError as error:
        raise SegAEError(
            f"The GPU has no room for {len(batch.target)} slices at once; give a larger --accumulate."
        ) from error
