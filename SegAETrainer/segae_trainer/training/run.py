"""A training from settings to model file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from lightning.fabric import Fabric

from segae.errors import Cancelled
from segae.progress import Watch
from segae_trainer.training.beginning import Beginning, begin
from segae_trainer.training.curves import read_epoch_count
from segae_trainer.training.export import export_model
from segae_trainer.training.loop import Lessons, Loop
from segae_trainer.training.machine import is_first_process, make_fabric
from segae_trainer.training.objective import Lesson
from segae_trainer.training.render import Renderer
from segae_trainer.training.run_folder import RunFolder, locked
from segae_trainer.training.sampling import Epochs, validation_rows
from segae_trainer.training.settings import TrainingSettings
from segae_trainer.training.state import StateFile
from segae_trainer.training.stopping import stop_switch
from segae_trainer.training_set import KINDS, TrainingSet

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
