"""The bundled sample, and checkpoints with the published layers whose numbers are the same everywhere."""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
import torch
import torchvision
from hypothesis import HealthCheck, settings

from segae.data import Segmentation, Volume
from segae.files import resource
from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation
from segae.models.checkpoint import load_checkpoint, save_checkpoint
from segae.models.published_import import import_published

# No deadline: on a loaded machine an example takes as long as it takes.
settings.register_profile("segae", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("segae")

SEEDS = {"resnet18": 7, "resnet50": 11}
TEXT_DIM = 512
ROWS = 145
HIDDEN = 50


@dataclass(frozen=True)
class PublishedFiles:
    """What a user has downloaded: trained weights and the vectors of the names."""

    weights: Path
    embeddings: Path


@pytest.fixture(scope="session")
def umlaut() -> str:
    """A letter beyond ASCII for file names; where the locale has none for them, one of ASCII."""
    try:
        os.fsencode("\u00e4")
    except UnicodeEncodeError:
        return "a"
    return "\u00e4"


def published_shapes(backbone: str) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor in a published state dict: a whole ResNet under `net.`, then SegAE's layers."""
    with torch.device("meta"):
        resnet = torchvision.models.get_model(backbone, weights=None)
    shapes = {f"net.{key}": tuple(value.shape) for key, value in resnet.state_dict().items()}
    features = shapes["net.fc.weight"][1]
    shapes |= {"conv1.weight": (64, 2, 7, 7), "conv1.bias": (64,), "bn1.num_batches_tracked": ()}
    shapes |= {f"bn1.{part}": (64,) for part in ("weight", "bias", "running_mean", "running_var")}
    for layer, (out, into) in {
        "attention1": (features, features + TEXT_DIM),
        "attention2": (HIDDEN, features + TEXT_DIM),
        "fc1": (HIDDEN, features),
        "fc2": (1, HIDDEN),
    }.items():
        shapes |= {f"{layer}.weight": (out, into), f"{layer}.bias": (out,)}
    return shapes


def numbers(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, torch.Tensor]:
    """A state dict with normal numbers, drawn key after key in alphabetical order from one generator."""
    random = np.random.RandomState(seed)
    return {key: torch.from_numpy(_tensor(key, shapes[key], random)) for key in sorted(shapes)}


def _tensor(key: str, shape: tuple[int, ...], random: np.random.RandomState) -> np.ndarray:
    kind = key.rsplit(".", 1)[-1]
    if kind == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    drawn = random.standard_normal(shape)
    if kind == "running_var":
        drawn = 1 + 0.1 * np.abs(drawn)
    elif kind in ("running_mean", "bias"):
        drawn = 0.1 * drawn
    elif len(shape) == 1:  # scale of a batch norm
        drawn = 1 + 0.1 * drawn
    else:
        drawn = drawn * np.sqrt(1.0 / math.prod(shape[1:]))
    return drawn.astype(np.float32)


def name_vectors() -> dict[int, torch.Tensor]:
    """A vector (1, 512) for each row of the label table."""
    return {
        row: torch.from_numpy(np.random.RandomState(row).standard_normal((1, TEXT_DIM)).astype(np.float32))
        for row in range(ROWS)
    }


@pytest.fixture(scope="session")
def sample_dir() -> Path:
    return resource("SampleData", "totalsegmentator_s0001")


@pytest.fixture(scope="session")
def sample_ct(sample_dir: Path) -> Volume:
    return read_ct(sample_dir / "ct.nii.gz")


@pytest.fixture(scope="session")
def sample_segmentation(sample_dir: Path) -> Segmentation:
    return read_segmentation(sample_dir / "segmentations")


@pytest.fixture(scope="session")
def few_organs(sample_segmentation: Segmentation) -> Segmentation:
    """Three organs of 30, 23 and 18 slices."""
    wanted = ("spleen", "kidney_left", "vertebrae_L1")
    return Segmentation(tuple(s for s in sample_segmentation.segments if s.name in wanted), "sample")


@pytest.fixture(scope="session")
def published_files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], PublishedFiles]:
    """The `.pth` and the pickle for "resnet18" or "resnet50", made when they are first asked for."""
    folder = tmp_path_factory.mktemp("published")

    @cache
    def make(backbone: str) -> PublishedFiles:
        files = PublishedFiles(folder / f"best_{backbone}_model.pth", folder / "label_embedding.pkl")
        torch.save(numbers(published_shapes(backbone), SEEDS[backbone]), files.weights)
        files.embeddings.write_bytes(pickle.dumps(name_vectors()))
        return files

    return make


@pytest.fixture(scope="session")
def published_checkpoint(
    published_files: Callable[[str], PublishedFiles], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Path]:
    """The same in SegAE's own form: (backbone, orientation) -> `.safetensors` file."""
    folder = tmp_path_factory.mktemp("checkpoints")

    @cache
    def make(backbone: str, orientation: str) -> Path:
        files = published_files(backbone)
        path = folder / f"{backbone}-{orientation}.safetensors"
        save_checkpoint(import_published(files.weights, files.embeddings, orientation=orientation), path)
        return path

    return make


@pytest.fixture(scope="session")
def mild_checkpoint(
    published_checkpoint: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Orientation -> `.safetensors` file of a published network with random weights whose scores lie in the
    middle of 0..1, as those of a trained one."""
    folder = tmp_path_factory.mktemp("mild")

    @cache
    def make(orientation: str) -> Path:
        loaded = load_checkpoint(published_checkpoint("resnet18", orientation))
        changed = {"fc2.weight": 0.1 * loaded.weights["fc2.weight"], "fc2.bias": torch.tensor([0.5])}
        path = folder / f"{orientation}.safetensors"
        save_checkpoint(replace(loaded, weights=loaded.weights | changed), path)
        return path

    return make


@pytest.fixture(scope="session")
def rewrite() -> Callable[[Path, Callable[[np.ndarray], np.ndarray]], None]:
    """Changes the voxels [k, j, i] of an image file and keeps its place in space."""

    def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
        image = SimpleITK.ReadImage(str(path))
        changed = SimpleITK.GetImageFromArray(change(SimpleITK.GetArrayFromImage(image)))
        changed.SetSpacing(image.GetSpacing())
        changed.SetOrigin(image.GetOrigin())
        changed.SetDirection(image.GetDirection())
        SimpleITK.WriteImage(changed, str(path))

    return rewrite
