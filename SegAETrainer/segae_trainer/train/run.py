"""A training from settings to model file, on the devices that it is given."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from lightning.fabric.loggers.tensorboard import TensorBoardLogger
from lightning.fabric.utilities.rank_zero import rank_zero_only

from segae.errors import Cancelled, InputError
from segae.models.checkpoint import Checkpoint, save_checkpoint
from segae.progress import Watch
from segae.scoring.device import AUTO, choose_device
from segae_trainer.data.training_set import KINDS, TrainingSet
from segae_trainer.train.batches import Epochs, validation_rows
from segae_trainer.train.loop import Lessons, Loop
from segae_trainer.train.losses import Lesson
from segae_trainer.train.progress import EpochFigures, read_epoch_count
from segae_trainer.train.render import Renderer
from segae_trainer.train.run_folder import RunFolder, StateFile, kept, locked, stop_switch
from segae_trainer.train.settings import Machine, TrainingSettings
from segae_trainer.train.start import Beginning, begin

PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "bf16-true", "64-true")


def make_fabric(machine: Machine, run: Path, batch: int) -> Fabric:
    """Ready to be launched. Raises `InputError` for a device or precision that is not there, and when `batch`
    cannot be shared."""
    device = choose_device(machine.device)
    shares = machine.devices * machine.accumulate
    if machine.devices < 1 or machine.accumulate < 1 or batch % shares or batch // shares < 2:
        raise InputError(
            f"A batch of {batch} cannot be shared by {machine.devices} devices in {machine.accumulate} equal "
            "parts of at least 2; choose another --batch, --devices or --accumulate."
        )
    if device.type == "cuda" and machine.devices > torch.cuda.device_count():
        raise InputError(
            f"This computer has {torch.cuda.device_count()} GPUs and not {machine.devices}; give --devices."
        )
    _quiet()
    return Fabric(
        accelerator=device.type,
        devices=machine.devices if device.index is None else [device.index],
        strategy="ddp" if machine.devices > 1 else "auto",
        precision=_precision(machine.precision, device),  # type: ignore[arg-type]
        loggers=TensorBoardLogger(root_dir=run, name="tensorboard", version=""),
    )


def is_first_process() -> bool:
    """False in the processes that are started for further devices."""
    return getattr(rank_zero_only, "rank", 0) == 0


def _precision(wanted: str, device: torch.device) -> str:
    if wanted == AUTO:
        if device.type != "cuda":
            return "32-true"
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    if wanted not in PRECISIONS:
        raise InputError(f'There is no precision "{wanted}"; choose auto, {", ".join(PRECISIONS)}.')
    return wanted


def _quiet() -> None:
    """Lightning's advice is for programmers."""
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning.*")


LIMITS = ("Validated on masks like those it was trained on; evaluate it on masks of your own segmenter.",)


def export_model(
    run: RunFolder, beginning: Beginning, trained: Iterable[int], best: EpochFigures, validated: int
) -> None:
    """Write `run.model`: the weights of `run.best`, described by how it was trained and the figures of the
    epoch `best` on `validated` slices. Scores under names that are not in `trained` are flagged
    when the model is used.

    Nothing in the file depends on when or how often the training was interrupted. Raises `OutputError`.
    """
    rows = tuple(sorted(trained))
    spec = replace(
        beginning.spec,
        trained_labels=rows,
        training={**beginning.about, "epoch": best.epoch},
        figures={
            "validation": {
                "n": validated,
                "lcc": _rounded(best.val_lcc),
                "mae": _rounded(best.val_mae),
                "loss": _rounded(best.val_loss),
            }
        },
        limits=LIMITS,
    )
    save_checkpoint(Checkpoint(spec, kept(run.best)["network"], beginning.vectors), run.model)


def _rounded(value: float) -> float | None:
    return round(value, 4) if value == value else None  # NaN is no JSON


_WRONG_NAME = KINDS.index("wrong name")


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
    full or another process trains there, `Cancelled` when it was asked to stop.
    """
    folder, recipe = RunFolder(Path(run)), settings.recipe
    fabric = make_fabric(settings.machine, folder.path, recipe.batch)
    epochs = Epochs(training_set, recipe, settings.seed)
    validation = validation_rows(training_set, recipe, settings.seed, settings.val_samples)
    lessons = Lessons(training_set, epochs, validation)
    if not is_first_process():  # only the first one writes and speaks
        beginning = begin(settings, training_set, _structures(lessons), folder, say=_nobody, writes=False)
        _learn(fabric, settings, beginning, lessons, folder, Watch(), None)
        return folder.model
    with locked(folder):
        beginning = begin(settings, training_set, _structures(lessons), folder, say=say, writes=True)
        state = StateFile(folder.state, recipe.epochs, read_epoch_count(folder.metrics))
        with _telling(state):
            if not folder.model.is_file():
                _learn(fabric, settings, beginning, lessons, folder, watch or Watch(), state)
    return folder.model


def trained_structures(training_set: TrainingSet, rows: np.ndarray) -> list[int]:
    """The structures of which `rows` hold masks under their own name."""
    table = training_set.table
    own = rows[table["kind"][rows] != _WRONG_NAME]
    return np.unique(table["structure"][own]).tolist()


def _structures(lessons: Lessons) -> list[int]:
    """All names that the network will be told."""
    rows = np.append(lessons.epochs.rows, lessons.validation)
    return np.unique(lessons.training_set.table["structure"][rows]).tolist()


def _nobody(_: str) -> None:
    """Hears what further processes would say a second time."""


def _learn(
    fabric: Fabric,
    settings: TrainingSettings,
    beginning: Beginning,
    lessons: Lessons,
    run: RunFolder,
    watch: Watch,
    state: StateFile | None,
) -> None:
    fabric.launch()
    lesson = Lesson(beginning.network, beginning.vectors, settings.recipe)
    renderer = Renderer(settings.recipe, beginning.spec)
    loop = Loop(fabric, lesson, lessons, renderer, settings, run)
    loop.restore()
    if state is not None:
        state.running(len(loop.progress.history))
    with stop_switch(run.stop) as switch:
        loop.train(watch, switch, state)
    best = loop.progress.best
    assert best is not None  # one epoch at least
    if fabric.is_global_zero:
        trained = trained_structures(lessons.training_set, lessons.epochs.rows)
        export_model(run, beginning, trained, best, len(lessons.validation))
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
