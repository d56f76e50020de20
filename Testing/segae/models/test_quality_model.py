"""A loaded model: found by path or name, known by its file, copied to a device."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import segae
from segae.errors import InputError
from segae.inputs.build import ModelInput
from segae.models import registry as catalogue
from segae.models.quality_model import QualityModel
from segae.results.types import ModelIdentity

Checkpoints = Callable[[str, str], Path]


def test_a_loaded_model_is_handed_back(published_checkpoint: Checkpoints) -> None:
    model = QualityModel.load(published_checkpoint("resnet18", "file"))
    assert QualityModel.load(model) is model


def test_the_identity_is_that_of_the_file(published_checkpoint: Checkpoints) -> None:
    path = published_checkpoint("resnet18", "file")
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    identity = QualityModel.load(path).identity
    assert identity == ModelIdentity("best_resnet18_model", expected, "segae-published")


def test_bundled_models_are_found_by_name(
    published_checkpoint: Checkpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "resource", lambda *parts: tmp_path)
    for name in (catalogue.DEFAULT_MODEL, "another"):
        (tmp_path / f"{name}.safetensors").symlink_to(published_checkpoint("resnet18", "file"))
    assert catalogue.find_model("another") == tmp_path / "another.safetensors"
    assert catalogue.find_model("bundled").stem == catalogue.DEFAULT_MODEL
    with pytest.raises(InputError, match=rf'"third".*another, {catalogue.DEFAULT_MODEL}\)\.$'):
        catalogue.find_model("third")


def test_a_copy_on_another_device_leaves_the_model_where_it_is(published_checkpoint: Checkpoints) -> None:
    model = QualityModel.load(published_checkpoint("resnet18", "file"))
    moved = model.to("meta")
    assert {parameter.device.type for parameter in moved.network.parameters()} == {"meta"}
    assert {parameter.device.type for parameter in model.network.parameters()} == {"cpu"}
    blank = ModelInput(torch.zeros(1, 2, 64, 64), torch.tensor([13]))
    assert model.predict(blank).score.isfinite().all()


def test_importing_the_package_loads_no_heavy_library() -> None:
    code = (
        "import sys, segae, segae.models.registry, segae.models.spec, segae.models.checkpoint\n"
        "heavy = {'torch', 'torchvision', 'SimpleITK', 'pandas', 'pyarrow', 'matplotlib', 'nibabel'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    folder = Path(segae.__file__).parents[1]
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=folder, text=True)
    assert printed.strip() == "[]"
