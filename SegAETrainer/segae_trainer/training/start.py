"""The network that a training begins with: random, with an ImageNet backbone, or a trained one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn

from segae.errors import InputError, ModelError
from segae.models.catalogue import find_model
from segae.models.checkpoint import Checkpoint, read_spec
from segae.models.registry import build_network
from segae.models.spec import ModelSpec
from segae_trainer.training.settings import TrainingSettings

Say = Callable[[str], None]
RANDOM = "random weights"
_GATES = ("attention1", "attention2", "fc2")
_MIDDLE_DICE = 0.5


def network_spec(settings: TrainingSettings, name: str, text_dim: int, orientation: str) -> ModelSpec:
    """How the network called `name` sees a slice."""
    recipe = settings.recipe
    return ModelSpec(
        name=name,
        architecture=recipe.architecture,
        backbone=recipe.backbone,
        text_dim=text_dim,
        input_size=recipe.input_size,
        hu_windows=recipe.hu_windows,
        crop=recipe.crop,
        orientation=orientation,
        predicts_areas=recipe.architecture == "segae-dense",
        licence=settings.licence,
        description=settings.description,
    )


def first_network(
    spec: ModelSpec, settings: TrainingSettings, model: Checkpoint | None, say: Say
) -> tuple[nn.Module, str]:
    """The network in its first state, seeded, and a sentence part on where its weights come from. `model` is
    the one in `settings.weights`.

    Raises `ModelError` when the weights do not fit, `InputError` when ImageNet weights are demanded and
    cannot be had.
    """
    torch.manual_seed(settings.seed)
    network = build_network(spec)
    if settings.recipe.open_gates and all(hasattr(network, gate) for gate in _GATES):
        start_near(network, _MIDDLE_DICE)
    if settings.weights is not None and model is not None:
        load_weights(network, model, spec, settings.weights)
        return network, f"the weights of {settings.weights.name} (sha256 {model.sha256})"
    if settings.imagenet == "no":
        return network, RANDOM
    try:
        return network, load_imagenet(network, spec.backbone)
    except InputError as error:
        if settings.imagenet == "demand":
            raise
        say(f"{error} Going on from random weights.")
        return network, f"{RANDOM}, as ImageNet weights could not be had"


def start_near(network: nn.Module, value: float) -> None:
    """Gates of the published network that begin open (at one) and an output that begins at `value`:
    products of three random layers otherwise start as noise and train badly."""
    with torch.no_grad():
        for name, bias in (("attention1", 1.0), ("attention2", 1.0)):
            gate = network.get_submodule(name)
            assert isinstance(gate, nn.Linear)
            gate.weight.mul_(0.5)
            gate.bias.fill_(bias)
        output = network.get_submodule("fc2")
        assert isinstance(output, nn.Linear)
        output.bias.fill_(value)


def layers_of(weights: Path) -> dict[str, str]:
    """Architecture and backbone of a model, as settings of a recipe that starts from it."""
    spec = read_spec(find_model(weights))
    return {"architecture": spec.architecture, "backbone": spec.backbone}


def load_weights(network: nn.Module, model: Checkpoint, spec: ModelSpec, source: Path) -> None:
    """Take over the layers that both have. Raises `ModelError` when one has another shape, or none fits."""
    own = network.state_dict()
    shared = {key: value for key, value in model.weights.items() if key in own}
    odd = [key for key, value in shared.items() if value.shape != own[key].shape]
    if odd or not shared:
        why = (
            f"{odd[0]} is {_shape(shared[odd[0]])} there and {_shape(own[odd[0]])} here"
            if odd
            else "no layer has the same name"
        )
        raise ModelError(
            f'"{source}" ({model.spec.architecture}, {model.spec.backbone}) does not fit {spec.architecture} '
            f"with {spec.backbone}: {why}; give --architecture and --backbone as the file has them, or other "
            "weights."
        )
    network.load_state_dict(own | shared)


def load_imagenet(network: nn.Module, backbone: str) -> str:
    """torchvision's ImageNet weights for all layers that have them; returns their name.

    The stem sees other channels and stays random. Raises `InputError` when there are none for `backbone`, or
    they are neither in torch's cache nor can be downloaded.
    """
    import torchvision

    if backbone not in torchvision.models.list_models():
        raise InputError(
            f'There are no ImageNet weights for "{backbone}"; train without them (--no-imagenet).'
        )
    weights = torchvision.models.get_model_weights(backbone)["DEFAULT"]
    try:
        with redirect_stdout(sys.stderr):  # a note on the download; stdout belongs to the command
            state = weights.get_state_dict(progress=False, check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        raise InputError(
            f"ImageNet weights for {backbone} could not be had from {weights.url} ({_one_line(error)}); "
            "connect to the internet, or put the file into torch's cache."
        ) from error
    own = network.state_dict()
    fitting = {
        f"net.{key}": value
        for key, value in state.items()
        if f"net.{key}" in own and own[f"net.{key}"].shape == value.shape
    }
    if not fitting:
        raise InputError(f"This architecture takes no ImageNet weights of {backbone}; use --no-imagenet.")
    network.load_state_dict(own | fitting)
    return f"ImageNet weights {weights} of torchvision"


def _shape(tensor: Tensor) -> str:
    return " x ".join(str(n) for n in tensor.shape) or "a number"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
