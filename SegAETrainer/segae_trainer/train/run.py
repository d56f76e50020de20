"""A training from settings to model file, on the devices that it is given."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from lightning.fabric.loggers.tensorboard import TensorBoardLogger
from lightning.fabric.utilities.rank_zero import rank_zero_only

from segae.errors import Cancelled, InputError, way
from segae.models.checkpoint import Checkpoint, save_checkpoint
from segae.progress import Watch
from segae.scoring.device import AUTO, choose_device
from segae.scoring.ood import image_measures, typical_range
from segae_trainer.data.rendering import fill_cache
from segae_trainer.data.sample import KINDS, NOT_OWN_NAME
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.train.batches import choose_workers, make_draws, validation_rows
from segae_trainer.train.loop import Loop, TrainingData
from segae_trainer.train.losses import TrainingModule
from segae_trainer.train.progress import EpochFigures, read_epoch_count
from segae_trainer.train.recipes import Recipe, Schedule
from segae_trainer.train.run_folder import RunFolder, StateFile, kept, locked, stop_switch
from segae_trainer.train.settings import Machine, TrainingSettings
from segae_trainer.train.start import StartState, start
from segae_trainer.train.views import Renderer

PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "bf16-true", "64-true")


def make_fabric(machine: Machine, run: Path, recipe: Recipe) -> Fabric:
    """Ready to be launched. Raises `InputError` for a device or precision that is not there, and when a batch
    cannot be shared."""
    device = choose_device(machine.device)
    shares = machine.devices * machine.accumulate
    batches = [phase.batch for phase in recipe.phases] or [recipe.batch]
    batch = next((one for one in batches if one % max(shares, 1) or one // max(shares, 1) < 2), batches[0])
    if machine.devices < 1 or machine.accumulate < 1 or batch % shares or batch // shares < 2:
        raise InputError(
            f"A batch of {batch} cannot be shared by {machine.devices} devices in {machine.accumulate} equal "
            "parts of at least 2; "
            + way("choose another --batch, --devices or --accumulate.", "choose another recipe.")
        )
    if device.type == "cuda" and machine.devices > torch.cuda.device_count():
        raise InputError(
            f"This computer has {torch.cuda.device_count()} GPUs and not {machine.devices}; ask for fewer."
        )
    _quiet()
    return Fabric(
        accelerator=device.type,
        devices=machine.devices if device.index is None else [device.index],
        strategy="ddp" if machine.devices > 1 else "auto",
        precision=_precision(machine.precision, device, recipe),  # type: ignore[arg-type]
        loggers=TensorBoardLogger(root_dir=run, name="tensorboard", version=""),
    )


def is_first_process() -> bool:
    """False in the processes that are started for further devices."""
    return getattr(rank_zero_only, "rank", 0) == 0


def _precision(requested: str, device: torch.device, recipe: Recipe) -> str:
    if requested == AUTO:
        if device.type == "cpu" and recipe.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return "bf16-mixed"
        if device.type != "cuda":
            return "32-true"
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    if requested not in PRECISIONS:
        raise InputError(f'There is no precision "{requested}"; choose auto, {", ".join(PRECISIONS)}.')
    return requested


def _quiet() -> None:
    """Lightning's advice is for programmers."""
    for name in ("lightning.fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning.*")


LIMITS = ("Validated on masks like those it was trained on; evaluate it on masks of your own segmenter.",)
_TYPICAL_CACHED, _TYPICAL_RENDERED = 3000, 500  # samples that say what inputs look like


def export_model(
    run: RunFolder, begun: StartState, data: TrainingData, renderer: Renderer, best: EpochFigures
) -> None:
    """Write `run.model`: the weights of `run.best`, described by how it was trained, the figures of the epoch
    `best`, and what inputs look like. Scores under names that it was not trained on are flagged when the
    model is used.

    Nothing in the file depends on when or how often the training was interrupted. Raises `OutputError`.
    """
    spec = replace(
        begun.spec,
        trained_labels=tuple(trained_structures(data.training_set, data.draws.rows)),
        typical=_typical(data, renderer),
        training={**begun.about, "epoch": best.epoch},
        figures={
            "validation": {
                "n": len(data.validation),
                "lcc": _rounded(best.val_lcc),
                "mae": _rounded(best.val_mae),
                "loss": _rounded(best.val_loss),
            }
        },
        limits=LIMITS,
    )
    weights = kept(run.best)["network"]
    vectors = begun.vectors
    if begun.spec.architecture == "segae-dense":  # half the file, and scores that differ by less than .001
        weights = {
            key: value.half() if value.is_floating_point() else value for key, value in weights.items()
        }
        vectors = vectors.half()
    save_checkpoint(Checkpoint(spec, weights, vectors), run.model)


def _typical(data: TrainingData, renderer: Renderer) -> dict[str, Any]:
    most = _TYPICAL_CACHED if renderer.cache is not None else _TYPICAL_RENDERED
    rows = data.draws.rows
    chosen = np.random.default_rng(0).choice(len(rows), min(most, len(rows)), replace=False)
    images = renderer.plain(data.training_set, rows[np.sort(chosen)]).images
    return typical_range(image_measures(images, renderer.spec).numpy())


def _rounded(value: float) -> float | None:
    return round(value, 4) if value == value else None  # NaN is no JSON


def train(
    settings: TrainingSettings,
    training_set: TrainingSet,
    run: str | Path,
    *,
    watch: Watch | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Train in the folder `run`, or go on where it is; returns the path of the model (`.safetensors`).

    A finished training is not done again. With several devices the command line that called this is started
    once more for each of them. Raises `InputError` for settings or a set that cannot be used or differ from
    those the folder was begun with, `ModelError` for weights that do not fit, `OutputError` when the disk is
    full or another process trains there, `Cancelled` on a request to stop.
    """
    folder, recipe, watch = RunFolder(Path(run)), settings.recipe, watch or Watch()
    fabric = make_fabric(settings.machine, folder.path, recipe)
    draws = make_draws(training_set, settings)
    validation = validation_rows(training_set, recipe, settings.seed, settings.val_samples)
    data = TrainingData(training_set, draws, validation)
    if not is_first_process():  # only the first one writes and speaks
        begun = start(settings, training_set, _structures(data), folder, say=_nobody, writes=False)
        _learn(fabric, settings, begun, data, folder, Watch(), None)
        return folder.model
    with locked(folder):
        begun = start(settings, training_set, _structures(data), folder, say=say, writes=True)
        epochs = Schedule.of(recipe, draws.size).epochs
        state = StateFile(folder.state, epochs, read_epoch_count(folder.metrics))
        with _telling(state):
            if not folder.model.is_file():
                _learn(fabric, settings, begun, data, folder, watch, state)
    return folder.model


def trained_structures(training_set: TrainingSet, rows: np.ndarray) -> list[int]:
    """The structures of which `rows` hold masks under their own name."""
    table = training_set.table
    own = rows[~np.isin(table["kind"][rows], [KINDS.index(kind) for kind in NOT_OWN_NAME])]
    return np.unique(table["structure"][own]).tolist()


def _structures(data: TrainingData) -> list[int]:
    """All labels that the network is conditioned on."""
    rows = np.append(data.draws.rows, data.validation)
    return np.unique(data.training_set.table["structure"][rows]).tolist()


def _nobody(_: str) -> None:
    """Hears what further processes would say a second time."""


def _renderer(
    settings: TrainingSettings, begun: StartState, data: TrainingData, run: RunFolder, watch: Watch
) -> Renderer:
    """With a cache of patches on a CPU, which has no time to render them anew in each step."""
    renderer, machine = Renderer(settings.recipe, begun.spec.input), settings.machine
    folder = machine.cache
    if folder is None and choose_device(machine.device).type == "cpu":
        folder = run.path / "rendered"
    if folder is None or settings.recipe.views == "margin":
        return renderer
    rows = np.union1d(data.draws.rows, data.validation)
    workers = max(1, choose_workers(machine.workers))
    return renderer.with_cache(
        fill_cache(data.training_set, rows, begun.spec.input, folder, workers=workers, watch=watch)
    )


def _learn(
    fabric: Fabric,
    settings: TrainingSettings,
    begun: StartState,
    data: TrainingData,
    run: RunFolder,
    watch: Watch,
    state: StateFile | None,
) -> None:
    renderer = _renderer(settings, begun, data, run, watch)
    fabric.launch()
    module = TrainingModule(begun.network, begun.vectors, settings.recipe)
    loop = Loop(fabric, module, data, renderer, settings, run)
    loop.restore()
    if state is not None:
        state.running(len(loop.progress.history))
    with stop_switch(run.stop) as switch:
        loop.train(watch, switch, state)
    last = settings.recipe.select == "last"
    best = loop.progress.history[-1] if last else loop.progress.best
    assert best is not None  # one epoch at least
    if fabric.is_global_zero:
        export_model(run, begun, data, renderer, best)
    fabric.barrier()


@contextmanager
def _telling(state: StateFile | None) -> Iterator[None]:
    """How it ended, in the state file."""
    try:
        yield
    except BaseException as error:
        if state is not None:
            stopped = isinstance(error, (Cancelled, KeyboardInterrupt))
            state.ended("stopped" if stopped else "failed", str(error) or type(error).__name__)
        raise
    if state is not None:
        state.ended("finished")
