from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision

from segae.errors import InputError, ModelError
from segae.inputs.spec import InputSpec
from segae.labels.table import LabelTable
from segae.models.checkpoint import load_checkpoint
from segae.models.registry import build_network, new_spec
from segae_trainer.train.start import backbone_of, first_network, network_spec

SPEC = new_spec("m", "segae-published", "resnet18", 6, input=InputSpec(size=32))


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No ImageNet weights in the cache, and nobody to ask."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    return tmp_path


def test_the_first_weights_follow_from_the_seed(tiny):
    one, again = (first_network(SPEC, tiny("published"), None, print)[0].state_dict() for _ in range(2))
    other = first_network(SPEC, tiny("published", seed=1), None, print)[0].state_dict()
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one["conv1.weight"], other["conv1.weight"])


def test_the_published_recipe_begins_as_pytorch_does(tiny):
    published = first_network(SPEC, tiny("published"), None, print)[0].state_dict()
    torch.manual_seed(tiny("published").seed)
    fresh = build_network(SPEC).state_dict()
    assert all(torch.equal(published[key], fresh[key]) for key in fresh)


def test_training_begins_from_a_models_weights(tiny, make_model):
    path = make_model("trained")
    model = load_checkpoint(path)
    network, said = first_network(SPEC, tiny("published", weights=path), model, print)
    assert all(torch.equal(value, model.weights[key]) for key, value in network.state_dict().items())
    assert model.sha256 in said


def test_training_begins_from_imported_published_weights(tiny, published_checkpoint):
    path = published_checkpoint("resnet18", "LAS")
    model = load_checkpoint(path)
    spec = network_spec(tiny("published"), "m", 512, "LAS", LabelTable.default())
    network, _ = first_network(spec, tiny("published", weights=path), model, print)
    assert torch.equal(network.state_dict()["fc2.weight"], model.weights["fc2.weight"])
    assert backbone_of(path) == "resnet18"


TWO_WINDOWS = InputSpec(size=32, hu_windows=((0.0, 1.0), (2.0, 3.0)))


@pytest.mark.parametrize("change", [{"text_dim": 9}, {"backbone": "resnet50"}, {"input": TWO_WINDOWS}])
def test_weights_of_other_shapes_are_refused_with_both_shapes(tiny, make_model, change):
    path = make_model("other")
    with pytest.raises(ModelError, match=r"other\.safetensors.*does not fit.* there and .* here"):
        first_network(replace(SPEC, **change), tiny("published", weights=path), load_checkpoint(path), print)


def test_weights_that_share_no_layer_are_refused(tiny, make_model):
    path = make_model("plain")
    dense = replace(SPEC, architecture="segae-dense", backbone="small")
    with pytest.raises(ModelError, match="no layer has the same name"):
        first_network(dense, tiny("published", weights=path), load_checkpoint(path), print)


def test_imagenet_weights_in_the_cache_are_taken_for_all_but_the_stem(offline: Path, tiny):
    state = torchvision.models.resnet18(weights=None).state_dict()
    cache = offline / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    url = torchvision.models.ResNet18_Weights.DEFAULT.url
    torch.save(state, cache / url.rsplit("/", 1)[-1])
    network, said = first_network(SPEC, tiny("published", imagenet="demand"), None, print)
    own = network.state_dict()
    blocks = [key for key in state if key.startswith("layer")]
    assert all(torch.equal(own[f"net.{key}"], state[key]) for key in blocks)
    assert own["conv1.weight"].shape[1] == 2
    assert "ImageNet" in said


def test_without_imagenet_weights_it_says_so_and_goes_on_from_random_ones(offline, tiny):
    told: list[str] = []
    _, said = first_network(SPEC, tiny("published", imagenet="try"), None, told.append)
    assert len(told) == 1
    assert "could not be had" in told[0]
    assert "Going on from random weights" in told[0]
    assert "random" in said


def test_demanded_imagenet_weights_that_cannot_be_had_stop_it(offline, tiny):
    with pytest.raises(InputError, match=r"could not be had from https://download\.pytorch\.org"):
        first_network(SPEC, tiny("published", imagenet="demand"), None, print)


def test_an_architecture_without_imagenet_weights_says_so(offline, tiny):
    dense = replace(SPEC, architecture="segae-dense", backbone="small")
    with pytest.raises(InputError, match='no ImageNet weights for "small"'):
        first_network(dense, tiny("published", imagenet="demand"), None, print)
