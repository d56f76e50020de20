"""One step of the recipe `published`, and the intervals that are fitted afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from frozen import sample
from frozen.tables import BOUND, Table, table, tensor_sums
from segae.inputs.spec import InputSpec
from segae.models.checkpoint import Checkpoint, save_checkpoint
from segae.models.registry import build_network, new_spec
from segae.scoring.calibration import ORGAN, SLICE
from segae.scoring.conformal import Points, fit_intervals
from segae_trainer.data.build_set import build_training_set
from segae_trainer.data.draw_samples import PUBLISHED
from segae_trainer.data.index import Index, PseudoLabel, Scan
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.train.batches import Batches, Steps, batch_loader, make_draws
from segae_trainer.train.recipes import Schedule, resolve_recipe
from segae_trainer.train.run import train
from segae_trainer.train.run_folder import kept
from segae_trainer.train.settings import Machine, TrainingSettings
from segae_trainer.train.start import network_spec
from segae_trainer.train.views import Batch, Renderer

RECIPES = ("published",)
TEXT_DIM = 6

# --- calls into the product ------------------------------------------------------------------------------


def make_set(scans: list[dict[str, Any]], folder: Path) -> TrainingSet:
    """A training set of `write_scans`."""
    index = Index(
        tuple(
            Scan(
                one["name"], one["name"], one["ct"], one["labels"], one["structures"],
                tuple(
                    PseudoLabel(row, source, path, row)
                    for source, path in one["pseudo"].items()
                    for row in one["structures"]
                ),
                one["split"],
            )
            for one in scans
        ),
        (),
        0,
    )  # fmt: skip
    return build_training_set(index, folder, PUBLISHED)


def write_names(path: Path) -> Path:
    """A model file, of which a training takes the vectors of the names."""
    spec = new_spec("names", "segae-published", "resnet18", TEXT_DIM, input=InputSpec(size=32))
    vectors = torch.randn(145, TEXT_DIM, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    save_checkpoint(Checkpoint(spec, build_network(spec).state_dict(), vectors), path)
    return path


def settings_of(recipe: str, names: Path) -> TrainingSettings:
    """A training of one step."""
    changed = resolve_recipe(
        recipe, backbone="resnet18", input_size=INPUT_SIZE, epochs=1, batch=BATCHES[recipe]
    )
    return TrainingSettings(
        changed, name="tiny", imagenet="no", names=names, val_samples=20,
        machine=Machine(device="cpu", workers=0),
    )  # fmt: skip


def first_batch(settings: TrainingSettings, training_set: TrainingSet) -> Batch:
    """What the first step sees."""
    spec = network_spec(settings, "tiny", TEXT_DIM, training_set.orientation, training_set.label_table)
    batches = Batches(training_set, Renderer(settings.recipe, spec.input))
    draws = make_draws(training_set, settings)
    steps = Steps(draws, Schedule.of(settings.recipe, draws.size), settings.seed, 0)
    return next(iter(batch_loader(batches, steps, 0, False)))


def train_one_step(
    settings: TrainingSettings, training_set: TrainingSet, run: Path
) -> tuple[dict[str, int | float], dict[str, Tensor]]:
    """The figures of the only epoch with all digits, and the tensors of the model."""
    model = train(settings, training_set, run, say=lambda _: None)
    (figures,) = kept(run / "checkpoints" / "last.ckpt")["progress"]["history"]
    return figures, load_file(model)


def intervals(slices: dict[str, np.ndarray], organs: dict[str, np.ndarray]) -> dict[str, Any]:
    """The table of intervals for points given as columns."""
    return fit_intervals({SLICE: Points(**slices), ORGAN: Points(**organs)})


# ---------------------------------------------------------------------------------------------------------

HALVES = {"lower": ("train", 4), "upper": ("val", 18)}  # name -> split and first slice
N_SLICES = 6
INPUT_SIZE = 64
BATCHES = {"published": 24}  # more than half of an epoch: one step
_FIGURES = {
    "loss": ("epoch", "step", "train_loss", "train_mse", "train_ranking", "learning_rate"),
    f"validation after 1{BOUND}": ("val_loss", "val_lcc", "val_mae"),
}


def recipe_numbers(folder: Path) -> dict[str, Table]:
    """The first batch of each recipe, its loss, and the weights after the step."""
    names = write_names(folder / "names.safetensors")
    training_set, numbers = make_set(write_scans(folder), folder / "set"), {}
    for recipe in RECIPES:
        settings = settings_of(recipe, names)
        numbers[f"{recipe} batch"] = _batch_table(first_batch(settings, training_set))
        figures, tensors = train_one_step(settings, training_set, folder / recipe)
        for title, names_of in _FIGURES.items():
            numbers[f"{recipe} {title}"] = table(names_of, [[figures[name] for name in names_of]])
        numbers[f"{recipe} weights after 1{BOUND}"] = tensor_sums(tensors)
    return numbers


def interval_numbers(_: Path) -> dict[str, Table]:
    """The whole table of intervals for random points."""
    slices, organs = points(1500, 1, 9.0, 0.12), points(400, 2, 12.5, 0.05)
    fitted = intervals(slices, organs)
    levels = [level for level in fitted if level != "confidence"]
    said_once = [
        (level, fitted["confidence"], *(fitted[level][name] for name in ("asked", "edges", "n", "patients")))
        for level in levels
    ]
    knots = [f"{knot:g}" for knot in fitted[levels[0]]["knots"]]
    curves = [curve for level in levels for curve in _curves(level, fitted[level])]
    return {
        "levels": table(("level", "confidence", "asked", "edges", "n", "patients"), said_once),
        "curves": table(("level", "group", "curve", *knots), curves),
    }


def points(n: int, seed: int, largest: float, spread: float) -> dict[str, np.ndarray]:
    """n scored masks of three patients; a patient's scores are all too high or too low, by `spread` at most;
    sizes go up to exp(`largest`)."""
    rng = np.random.default_rng(seed)
    guess, patients = rng.random(n) ** 0.5, rng.integers(0, 3, n)
    sizes = np.exp(rng.uniform(3.4, largest, n))
    noise = rng.normal(size=n) * (0.02 + 0.4 * guess * (1 - guess)) * (1 + 150 / (sizes + 50))
    bias = np.linspace(-spread, spread, 3)[patients]
    return {
        "predicted": guess + bias,
        "true": np.clip(guess + noise, 0, 1),
        "sizes": sizes,
        "structures": rng.choice([13, 54, 114], n, p=[0.5, 0.4, 0.1]),
        "patients": patients,
    }


def write_scans(folder: Path) -> list[dict[str, Any]]:
    """Two scans of `N_SLICES` slices, each with the pseudo labels of two "checkpoints": the truth moved by
    one and by three pixels; the latter lacks all organs in the first slice."""
    ct, labels, scans = sample.ct_array(), sample.label_map(), []
    for name, (split, first) in HALVES.items():
        here = folder / name
        here.mkdir()

        def write(voxels: np.ndarray, file: str, here: Path = here, first: int = first) -> Path:
            return sample.write_slices(voxels, first, N_SLICES, here / f"{file}.nii.gz")

        worse = np.roll(labels, 3, axis=2)
        worse[first] = 0
        scans.append(
            {
                "name": name,
                "split": split,
                "ct": write(ct, "ct"),
                "labels": write(labels, "labels"),
                "structures": tuple(int(row) for row in np.unique(labels[first : first + N_SLICES]) if row),
                "pseudo": {
                    "epoch 500": write(np.roll(labels, 1, axis=2), "epoch 500"),
                    "epoch 10": write(worse, "epoch 10"),
                },
            }
        )
    return scans


def _batch_table(batch: Batch) -> Table:
    images = batch.images.double().sum(dim=(2, 3))
    columns = {
        "structure": batch.structures,
        "target": batch.target,
        **{f"sum_{channel}": images[:, channel] for channel in range(images.shape[1])},
        "sum_truth": batch.organ.double().sum(dim=(1, 2)),
        "sum_mask": batch.mask.double().sum(dim=(1, 2)),
    }
    return table(columns, zip(*columns.values(), strict=True))


def _curves(level: str, fitted: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    yield (level, "", "calibrated", *fitted["calibrated"])
    for group, ends in fitted["groups"].items():
        yield from ((level, group, end, *values) for end, values in ends.items())
