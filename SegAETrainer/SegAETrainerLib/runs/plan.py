"""What a training will take, found out by trying some of its steps, and a look at what it will see.

Both run in a child process, as they need torch; the functions at the end are called there.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segae.jobs.calls import CallJob
from segae.jobs.process import ExitMessages
from segae.progress import Watch
from SegAETrainerLib.runs.commands import TrainingChoice

_MESSAGES = ExitMessages(
    "The estimate", "choose a smaller network or batch", "try it again", "look into the application's log"
)


@dataclass(frozen=True)
class Plan:
    """`device`: its name; `memory`: bytes that it has, None where the system does not tell; `steps` of the
    training and the `seconds` that they take; `disk`: bytes that the run folder will hold, `free`: those
    that are free there."""

    device: str
    memory: int | None
    steps: int
    seconds: float
    disk: int
    free: int

    @property
    def fits(self) -> bool:
        """Whether the disk has room."""
        return self.disk < self.free


def estimate_job(training_set: Path, run: Path, choice: TrainingChoice) -> CallJob:
    """A job that returns the values of a `Plan`."""
    arguments: dict[str, Any] = {
        "training_set": str(training_set),
        "run": str(run),
        "recipe": choice.recipe,
        "network": choice.own_network,
        "epochs": choice.epochs,
        "device": choice.device,
        "weights": None if choice.weights is None else str(choice.weights),
    }
    return CallJob("SegAETrainerLib.runs.plan:estimate", arguments, _MESSAGES)


def drawing_job(training_set: Path, out: Path, seed: int) -> CallJob:
    """A job that draws some pairs as a PNG file."""
    arguments = {"training_set": str(training_set), "out": str(out), "seed": seed}
    return CallJob("SegAETrainerLib.runs.plan:draw_pairs", arguments, _MESSAGES)


# In the child

_TRIED = 8  # samples of a batch that are tried on a processor; a step of the whole would take minutes
_FORWARD = 1 / 3  # of the time of a step: validation neither goes back nor updates


def estimate(
    watch: Watch, training_set: str, run: str, recipe: str, network: str, epochs: int, device: str,
    weights: str | None,
) -> dict[str, Any]:  # fmt: skip
    """The values of a `Plan`. Raises `InputError` for what the training would refuse too."""
    watch.step("loading", 0, 0)
    import torch

    from segae.models.registry import build_network
    from segae.scoring.device import choose_device
    from segae_trainer.data.rendering import render
    from segae_trainer.data.training_set import TrainingSet
    from segae_trainer.train.batches import choose_workers, make_draws, validation_rows
    from segae_trainer.train.losses import TrainingModule
    from segae_trainer.train.recipes import Schedule, resolve_recipe
    from segae_trainer.train.settings import Machine, TrainingSettings
    from segae_trainer.train.start import backbone_of, network_spec
    from segae_trainer.train.views import Renderer

    backbone = network or (None if weights is None else backbone_of(Path(weights)))
    resolved = resolve_recipe(recipe, backbone=backbone, epochs=epochs or None)
    settings = TrainingSettings(resolved, machine=Machine(device=device))
    where, pairs = choose_device(device), TrainingSet.open(training_set)
    draws = make_draws(pairs, settings)
    schedule = Schedule.of(resolved, draws.size)
    spec = network_spec(settings, "estimate", _TEXT, pairs.orientation, pairs.label_table)
    vectors = torch.randn(max(pairs.structures) + 1, _TEXT)
    module = TrainingModule(build_network(spec), vectors, resolved).to(where)
    optimiser = torch.optim.AdamW(module.parameters())
    renderer = Renderer(resolved, spec.input)

    def step_of(rows: Any, shrink: int) -> tuple[float, float]:
        """Seconds for rendering a batch, and for a step with it."""
        began = time.perf_counter()
        batch = renderer.varied(pairs, rows, shrink, torch.Generator().manual_seed(0))
        rendered = time.perf_counter()
        module(type(batch)(*(one.to(where) for one in batch))).total.backward()
        optimiser.step()
        optimiser.zero_grad()
        if where.type == "cuda":
            torch.cuda.synchronize(where)
        return rendered - began, time.perf_counter() - rendered

    cached = where.type == "cpu" and resolved.views != "margin"  # then rendered once, before the first step
    workers = max(1, choose_workers(None))
    seconds = rendering = computing = per_sample = 0.0
    for number, phase in enumerate(schedule.phases):
        tried = phase.batch if where.type != "cpu" else min(_TRIED, phase.batch)
        rows = draws.of_step(0, phase.batch)[:tried]
        for again in range(2):  # the first step prepares what the others find ready
            watch.step("trying", 2 * number + again, 2 * len(schedule.phases))
            rendering, computing = step_of(rows, phase.shrink)
        rendering, per_sample = rendering / len(rows), computing / len(rows)
        each = per_sample if cached else max(per_sample, rendering / workers)
        seconds += phase.steps * phase.batch * each
    judged = len(validation_rows(pairs, resolved, settings.seed, settings.val_samples))
    seconds += schedule.epochs * judged * per_sample * _FORWARD
    count = sum(one.numel() for one in module.network.parameters())
    # Optimiser and moving average beside the weights, the best epoch, the model.
    disk = 4 * count * (1 + 2 + bool(resolved.average) + 1 + 1)
    if cached:
        rows = sorted({*draws.rows.tolist(), *validation_rows(pairs, resolved, settings.seed).tolist()})
        seconds += len(rows) * rendering / workers
        patches = render(pairs.samples(draws.rows[:2]), spec.input, pairs.sampling)
        disk += len(rows) * patches.images.nbytes // len(patches)
    name, memory = _describe(where)
    folder = next(one for one in (Path(run), *Path(run).absolute().parents) if one.is_dir())
    free = shutil.disk_usage(folder).free
    return vars(Plan(name, memory, schedule.steps, seconds, disk, free))


_TEXT = 384  # numbers of a name's vector, as the sentence encoder gives them


def _describe(where: Any) -> tuple[str, int | None]:
    """Name and memory of a device."""
    import torch

    if where.type == "cuda":
        facts = torch.cuda.get_device_properties(where)
        return facts.name, facts.total_memory
    names = os.sysconf_names if hasattr(os, "sysconf_names") else {}  # not on Windows
    memory = None
    if {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= set(names):
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return (f"{torch.get_num_threads()} processor cores" if where.type == "cpu" else where.type), memory


_ROWS, _COLUMNS = 2, 3


def draw_pairs(watch: Watch, training_set: str, out: str, seed: int) -> None:
    """Draw pairs of mask and truth of the training split, chosen with `seed`, into a PNG file."""
    watch.step("drawing", 0, 0)
    import numpy as np
    from matplotlib.figure import Figure

    from segae_trainer.data.training_set import TrainingSet
    from segae_trainer.evaluate.page.pictures import drawn

    pairs = TrainingSet.open(training_set)
    rows = pairs.rows("train")
    rows = np.random.default_rng(seed).choice(rows, min(len(rows), _ROWS * _COLUMNS), replace=False)
    figure = Figure(figsize=(4.6, 3.8), layout="constrained")
    for place, sample in enumerate(pairs.samples(rows)):
        axes = figure.add_subplot(_ROWS, _COLUMNS, place + 1)
        axes.imshow(drawn(sample))
        axes.set_axis_off()
        name = sample.label.name.replace("_", " ")
        axes.set_title(f"{name}, {sample.kind}\nDice {sample.dice:.2f}", fontsize=6)
    figure.suptitle("Mask orange, truth blue", fontsize=7)
    figure.savefig(out, format="png", dpi=100)
