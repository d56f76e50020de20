"""The published layers: their names, and the backbone that their shapes tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision

from segae.errors import ModelError
from segae.inputs.build import ModelInput
from segae.models.published import BACKBONES, UNUSED_KEYS, build, recognise_backbone
from segae.models.quality_model import QualityModel
from segae.models.registry import new_spec


def _shapes(backbone: str) -> dict[str, tuple[int, ...]]:
    """As published: a whole ResNet under `net.` beside SegAE's own layers."""
    with torch.device("meta"):
        resnet = torchvision.models.get_model(backbone, weights=None)
    shapes = {f"net.{key}": tuple(value.shape) for key, value in resnet.state_dict().items()}
    return shapes | {"conv1.weight": (64, 2, 7, 7), "fc2.weight": (1, 50)}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_each_backbone_is_recognised_from_its_shapes(backbone: str) -> None:
    assert recognise_backbone(_shapes(backbone)) == backbone


@pytest.mark.parametrize("backbone", ["wide_resnet50_2", "resnext50_32x4d"])
def test_other_resnets_are_not(backbone: str) -> None:
    assert recognise_backbone(_shapes(backbone)) is None


def test_a_block_more_or_less_is_no_known_backbone() -> None:
    shapes = _shapes("resnet34")
    assert recognise_backbone(shapes | {"net.layer3.6.conv1.weight": (256, 256, 3, 3)}) is None
    del shapes["net.layer1.2.bn2.running_mean"]
    assert recognise_backbone(shapes) is None


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50"])
def test_the_layers_bear_the_published_names(backbone: str, published_files: Callable[[str], Any]) -> None:
    state = torch.load(published_files(backbone).weights, weights_only=True)
    published = {key: tuple(value.shape) for key, value in state.items() if not key.startswith(UNUSED_KEYS)}
    with torch.device("meta"):
        network = build(new_spec("m", "segae-published", backbone, 512))
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == published


def test_the_gates_multiply_the_features(published_checkpoint: Callable[[str, str], Path]) -> None:
    model = QualityModel.load(published_checkpoint("resnet18", "file"))
    images = torch.randn(3, 2, 64, 64, generator=torch.Generator().manual_seed(0))
    names = [13, 26, 13]
    layers = model.network.get_submodule
    with torch.inference_mode():
        x = layers("pool")(layers("bn1")(layers("conv1")(images)).relu())
        x = torch.flatten(torch.nn.functional.adaptive_avg_pool2d(layers("net")(x), 1), 1)
        joint = torch.cat((x, model.text_vectors[names]), dim=1)
        expected = layers("fc2")(layers("attention2")(joint) * layers("fc1")(layers("attention1")(joint) * x))
    assert torch.allclose(
        model.predict(ModelInput(images, torch.tensor(names))).score, expected[:, 0], atol=1e-6
    )


def test_an_unknown_backbone_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r'"vgg16".*resnet18, resnet34, resnet50, resnet101, resnet152\.$'):
        build(new_spec("m", "segae-published", "vgg16", 512))
