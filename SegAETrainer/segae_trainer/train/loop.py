"""The loop: steps, validation after each epoch, checkpoints.

Everything random in a step is drawn from (seed, step), so that a training that was killed and resumed
makes the same steps as one that was not; on a CPU it ends with the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from segae.errors import Cancelled, SegAEError, way
from segae.progress import Watch
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.train.batches import (
    Batches,
    Draw,
    Draws,
    Steps,
    batch_loader,
    choose_workers,
    seed_number,
)
from segae_trainer.train.losses import Cost, TrainingModule
from segae_trainer.train.progress import EpochFigures, Progress, draw_curves, write_metrics
from segae_trainer.train.recipes import Recipe, Schedule
from segae_trainer.train.run_folder import RunFolder, StateFile, StopSwitch, keep, kept
from segae_trainer.train.settings import TrainingSettings
from segae_trainer.train.views import Batch, Renderer

_LOG_EVERY = 10  # steps


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a training sees: the samples, the draws of its steps, and the rows it is validated on."""

    training_set: TrainingSet
    draws: Draws
    validation: np.ndarray


def moving_average(network: nn.Module, decay: float) -> AveragedModel:
    """The moving average of a network's weights and statistics, which keeps up faster at the start: `decay`,
    or (1 + n) / (10 + n) at step n while that is less."""

    def average(kept: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
        if not kept.is_floating_point():
            return new
        step = int(count) - 1
        return torch.lerp(kept, new, 1 - min(decay, (1 + step) / (10 + step)))

    averaged = AveragedModel(network, avg_fn=average, use_buffers=True)
    averaged.update_parameters(network)  # the first one copies
    return averaged


class Loop:
    """A network in training on the devices of `fabric`."""

    def __init__(
        self,
        fabric: Fabric,
        module: TrainingModule,
        data: TrainingData,
        renderer: Renderer,
        settings: TrainingSettings,
        run: RunFolder,
    ) -> None:
        self.fabric, self.data, self.settings, self.run = fabric, data, settings, run
        self.recipe = settings.recipe
        self.schedule = Schedule.of(self.recipe, data.draws.size)
        self._batches = Batches(data.training_set, renderer)
        self.progress = Progress()
        self.module, self.optimiser = fabric.setup(module, make_optimiser(module, self.recipe))
        self.averaged = moving_average(module.network, self.recipe.average) if self.recipe.average else None
        self._kept_at = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether all epochs are done, or the LCC has not risen for too long."""
        patience = self.settings.patience
        early = patience is not None and self.progress.epochs_since_best >= patience
        return early or self.progress.step >= self.schedule.steps

    def restore(self) -> None:
        """Go on where the last checkpoint is; without one the training begins."""
        if self.run.last.is_file():
            state = kept(self.run.last)
            self.module.load_state_dict(state["module"])
            self.optimiser.load_state_dict(state["optimiser"])
            if self.averaged is not None:
                self.averaged.load_state_dict(state["averaged"])
            self.progress = Progress.from_dict(state["progress"])

    def train(self, watch: Watch, switch: StopSwitch, state: StateFile | None) -> None:
        """Raises `Cancelled` on a request to stop; what was learned is kept."""
        if self.ended:
            return
        batches = iter(self._training_batches())
        started = time.monotonic()
        while not self.ended:
            self._step(batches)
            self.progress.seconds += time.monotonic() - started
            started = time.monotonic()
            if self.schedule.ends_epoch(self.progress.step):
                self._end_epoch(state)
            elif self._due():
                self._keep()
            if state is not None:
                state.beat()
            self._stop_if_asked(watch, switch)

    def _step(self, batches: Iterator[Batch]) -> None:
        machine, step = self.settings.machine, self.progress.step
        rate = self.schedule.learning_rate(step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        torch.manual_seed(seed_number(self.settings.seed, step, self.fabric.global_rank))
        self.module.train()
        sums = torch.zeros(3)
        for part in range(machine.accumulate):
            batch = self.fabric.to_device(next(batches))
            with self.fabric.no_backward_sync(self.module, enabled=part < machine.accumulate - 1):
                cost: Cost = _fitting(self.module, batch)
                self.fabric.backward(cost.total / machine.accumulate)
            sums += torch.stack(cost[:3]).detach().float().cpu() / machine.accumulate
        if self.recipe.clip:
            self.fabric.clip_gradients(self.module, self.optimiser, max_norm=self.recipe.clip)
        self.optimiser.step()
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)
        self.optimiser.zero_grad()
        total, mse, ranking = (old + new for old, new in zip(self.progress.sums, sums.tolist(), strict=True))
        self.progress.sums = (total, mse, ranking)
        self.progress.step += 1
        if self.progress.step % _LOG_EVERY == 0:
            self.fabric.log_dict({"train/loss": sums[0], "learning_rate": rate}, self.progress.step)

    @property
    def network(self) -> nn.Module:
        """The network in training."""
        return self.module.module.network

    def _end_epoch(self, state: StateFile | None) -> None:
        began = time.monotonic()
        progress = self.progress
        predicted, target, loss = self._validate()
        done = progress.step - (progress.history[-1].step if progress.history else 0)
        trained = [self._mean(value / done) for value in progress.sums]
        row = EpochFigures(
            epoch=len(progress.history),
            step=progress.step,
            train_loss=trained[0],
            train_mse=trained[1],
            train_ranking=trained[2],
            val_loss=loss,
            val_lcc=_lcc(predicted, target),
            val_mae=float(np.abs(predicted - target).mean()) if len(target) else math.nan,
            learning_rate=self.schedule.learning_rate(progress.step - 1),
            seconds=progress.seconds + time.monotonic() - began,
        )
        progress.history.append(row)
        progress.sums, progress.seconds = (0.0, 0.0, 0.0), 0.0
        figures = {"val/loss": row.val_loss, "val/lcc": row.val_lcc, "val/mae": row.val_mae}
        self.fabric.log_dict(figures, progress.step)
        if self.fabric.is_global_zero:
            last = self.recipe.select == "last"
            if progress.step >= self.schedule.steps if last else progress.best is row:
                network = self.network if self.averaged is None else self.averaged.module
                keep({"network": network.state_dict(), "epoch": row.epoch}, self.run.best)
            self._keep()
            write_metrics(progress.history, self.run.metrics)
            draw_curves(progress.history, progress.best, self.run.curves)
        if state is not None:
            state.running(len(progress.history))

    def _validate(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Predicted and true Dice of all rows, and the mean loss of the batches."""
        rows, fabric = self.data.validation, self.fabric
        if not len(rows):
            return np.zeros(0), np.zeros(0), math.nan
        batch_size = self.schedule.phases[-1].batch
        size = max(2, batch_size // fabric.world_size // self.settings.machine.accumulate)
        own = rows[fabric.global_rank :: fabric.world_size]
        draws = [Draw(part) for part in np.array_split(own, max(1, -(-len(own) // size))) if len(part)]
        predicted, target, losses = [], [], []
        own_weights = None
        if self.averaged is not None:  # what becomes the model is validated
            own_weights = {key: value.clone() for key, value in self.network.state_dict().items()}
            self.network.load_state_dict(self.averaged.module.state_dict())
        self.module.eval()
        with torch.no_grad():
            for batch in self._loader(draws):
                batch = fabric.to_device(batch)
                cost: Cost = _fitting(self.module, batch)
                predicted.append(cost.predicted.float().cpu())
                target.append(batch.target.cpu())
                losses.append(float(cost.total))
        if own_weights is not None:
            self.network.load_state_dict(own_weights)
        return self._together(predicted), self._together(target), self._mean(float(np.mean(losses)))

    def _mean(self, value: float) -> float:
        """Over all devices."""
        mean = self.fabric.all_reduce(torch.tensor(value), reduce_op="mean")
        assert isinstance(mean, Tensor)
        return float(mean)

    def _together(self, parts: list[Tensor]) -> np.ndarray:
        """The values of all devices."""
        own, n, world = torch.cat(parts), len(self.data.validation), self.fabric.world_size
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
        steps = Steps(self.data.draws, self.schedule, self.settings.seed, self.progress.step, shares, own)
        return self._loader(steps)

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
                "module": self.module.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "progress": self.progress.as_dict(),
            }
            if self.averaged is not None:
                state["averaged"] = self.averaged.state_dict()
            keep(state, self.run.last)

    def _stop_if_asked(self, watch: Watch, switch: StopSwitch) -> None:
        if watch.progress is not None and self.fabric.is_global_zero:
            Watch(watch.progress).step("training", self.progress.step, self.schedule.steps)
        stopping = switch.on or (watch.cancel is not None and watch.cancel.cancelled)
        if self.fabric.world_size > 1:
            stopping = self._mean(float(stopping)) > 0
        if stopping and not self.ended:
            self._keep()
            raise Cancelled("Stopped on request; the same command goes on.")


_OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def make_optimiser(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's, for the parameters of `module`."""
    return _OPTIMISERS[recipe.optimiser](
        module.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )


def _lcc(predicted: np.ndarray, target: np.ndarray) -> float:
    """Linear correlation, NaN where one of them does not vary."""
    if len(target) < 2 or min(np.ptp(predicted), np.ptp(target)) < 1e-9:
        return math.nan
    return float(np.corrcoef(predicted, target)[0, 1])


def _fitting(module: nn.Module, batch: Batch) -> Cost:
    try:
        return module(batch)
    except torch.cuda.OutOfMemoryError as error:
        raise SegAEError(
            f"The GPU has no room for {len(batch.target)} slices at once; "
            + way("give a larger --accumulate.", "choose a smaller network or another device.")
        ) from error
