"""A training set from the bundled sample: its lower half is learned from, its upper half validated on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
import torch

from segae.data import Segmentation
from segae.inputs.spec import InputSpec
from segae.models.checkpoint import Checkpoint, save_checkpoint
from segae.models.registry import build_network, new_spec
from segae_trainer.data.build_set import build_training_set
from segae_trainer.data.index import Index, PseudoLabel, Scan
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.train.recipes import Recipe, resolve_recipe
from segae_trainer.train.settings import Machine, TrainingSettings

TEXT_DIM = 6
HALVES = {"lower": ("train", 4), "upper": ("val", 18)}
N_SLICES = 6


@pytest.fixture(scope="session")
def index(
    tmp_path_factory: pytest.TempPathFactory, sample_dir: Path, sample_segmentation: Segmentation
) -> Index:
    """Two scans of `N_SLICES` slices, each with the pseudo labels of two "checkpoints": the truth moved by
    one and by three pixels; the latter lacks all organs in the first slice."""
    folder = tmp_path_factory.mktemp("scans")
    ct = SimpleITK.ReadImage(str(sample_dir / "ct.nii.gz"))
    labels = np.zeros(ct.GetSize()[::-1], np.uint8)
    for segment in sample_segmentation.segments:
        if segment.structure is not None and not segment.is_empty:
            labels[segment.box.slices][segment.voxels()] = segment.structure.index

    def write(voxels: np.ndarray, first: int, path: Path) -> Path:
        image = SimpleITK.GetImageFromArray(voxels)
        image.CopyInformation(ct)
        SimpleITK.WriteImage(image[:, :, first : first + N_SLICES], str(path))
        return path

    scans = []
    for name, (split, first) in HALVES.items():
        here = folder / name
        here.mkdir()
        ct_file = write(SimpleITK.GetArrayFromImage(ct), first, here / "ct.nii.gz")
        truth = write(labels, first, here / "labels.nii.gz")
        structures = tuple(int(i) for i in np.unique(labels[first : first + N_SLICES]) if i)
        pseudo = []
        for source, pixels in (("epoch 500", 1), ("epoch 10", 3)):
            moved = np.roll(labels, pixels, axis=2)
            if source == "epoch 10":
                moved[first] = 0
            path = write(moved, first, here / f"{source}.nii.gz")
            pseudo += [PseudoLabel(row, source, path, row) for row in structures]
        scans.append(Scan(name, name, ct_file, truth, structures, tuple(pseudo), split))
    return Index(tuple(scans), (), 0)


@pytest.fixture(scope="session")
def training_set(index: Index, tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    return build_training_set(index, tmp_path_factory.mktemp("sets") / "set")


@pytest.fixture(scope="session")
def only_training(index: Index, tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    """A set in which nobody is validated on."""
    lower = Index(tuple(scan for scan in index.scans if scan.split == "train"), (), 0)
    return build_training_set(lower, tmp_path_factory.mktemp("sets") / "train-only")


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Model files with random weights; keywords change the description."""
    folder = tmp_path_factory.mktemp("models")

    def make(name: str, **changes) -> Path:
        spec = new_spec(name, "segae-published", "resnet18", TEXT_DIM, input=InputSpec(size=32))
        spec = replace(spec, **changes)
        torch.manual_seed(1)
        vectors = torch.randn(145, spec.text_dim, generator=torch.Generator().manual_seed(0))
        path = folder / f"{name}.safetensors"
        save_checkpoint(Checkpoint(spec, build_network(spec).state_dict(), vectors), path)
        return path

    return make


@pytest.fixture(scope="session")
def names(make_model: Callable[..., Path]) -> Path:
    """A file with vectors for the names."""
    return make_model("names")


@pytest.fixture(scope="session")
def tiny(names: Path) -> Callable[..., TrainingSettings]:
    """Settings of a training that takes seconds; keywords change the recipe or the settings."""

    def make(recipe: str = "segae", **changes) -> TrainingSettings:
        in_recipe: dict[str, Any] = {"input_size": 32, "batch": 24}
        if recipe == "published":
            in_recipe |= {"backbone": "resnet18", "epochs": 2}
        else:
            in_recipe |= {"backbone": "small", "steps": (3, 2), "epoch_steps": 3}
        of_recipe = {field.name for field in fields(Recipe)} - {"name"} | {"steps", "input_size"}
        in_recipe |= {key: changes.pop(key) for key in list(changes) if key in of_recipe}
        settings = TrainingSettings(
            resolve_recipe(recipe, **in_recipe),
            name="tiny",
            imagenet="no",
            names=names,
            val_samples=60,
            machine=Machine(device="cpu", workers=0, precision="32-true"),
        )
        return replace(settings, **changes)

    return make
