"""What is fixed before the first step: initial weights, vectors of the names, settings."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

import segae
from segae.errors import InputError, ModelError
from segae.files import whole_file, write_json
from segae.labels.table import LabelTable
from segae.models.checkpoint import Checkpoint, file_sha256, load_checkpoint, read_spec
from segae.models.registry import build_network, find_model, new_spec
from segae.models.spec import ModelSpec
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.train.run_folder import RunFolder, check_same, read_config
from segae_trainer.train.settings import TrainingSettings
from segae_trainer.train.text_vectors import check_vectors, find_vectors, vectors_of_model

Say = Callable[[str], None]
RANDOM = "random weights"


def network_spec(
    settings: TrainingSettings, name: str, text_dim: int, orientation: str, label_table: LabelTable
) -> ModelSpec:
    """How the network called `name` sees a slice, and which structures it has names for."""
    recipe = settings.recipe
    return new_spec(
        name,
        recipe.architecture,
        recipe.backbone,
        text_dim,
        input=replace(recipe.input, orientation=orientation),
        own_structures=tuple(label_table.to_json()),
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
    if settings.weights is not None and model is not None:
        load_weights(network, model, spec, settings.weights)
        return network, f"the weights of {settings.weights.name} (sha256 {model.sha256})"
    if settings.imagenet == "no" or (settings.imagenet == "try" and settings.recipe.loss == "dense"):
        return network, RANDOM
    try:
        return network, load_imagenet(network, spec.backbone)
    except InputError as error:
        if settings.imagenet == "demand":
            raise
        say(f"{error} Going on from random weights.")
        return network, f"{RANDOM}, as ImageNet weights could not be had"


def backbone_of(weights: Path) -> str:
    """Backbone of a model, for a recipe that starts from it."""
    return read_spec(find_model(weights)).backbone


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
            f"with {spec.backbone}: {why}; give --recipe and --backbone as the file has them, or other "
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


_PACKAGES = ("torch", "torchvision", "lightning", "numpy")
_NAMES = "names"


@dataclass(frozen=True, eq=False)
class StartState:
    """`network` is in its first state, or fresh when a checkpoint will be restored into it; `vectors` are
    those of the names; `about` tells in the model file how it was trained."""

    spec: ModelSpec
    network: nn.Module
    vectors: Tensor
    about: dict[str, Any]


def start(
    settings: TrainingSettings,
    training_set: TrainingSet,
    structures: Iterable[int],
    run: RunFolder,
    *,
    say: Say,
    writes: bool,
) -> StartState:
    """Find vectors for `structures` and the first weights, and write `config.json`, `versions.json` and the
    vectors when the folder holds no checkpoint yet.

    Raises `InputError` when the folder was begun with other settings, and as `first_network` and
    `find_vectors` do.
    """
    learning = _learning(settings, training_set)
    begun = read_config(run)
    if begun is not None:
        check_same(run, begun["learning"], learning)
    resumed = begun if run.last.is_file() else None
    model = None
    if resumed is None and settings.weights is not None:
        model = load_checkpoint(find_model(settings.weights))
    if resumed is not None:
        vectors, source = load_file(run.names)[_NAMES], resumed["names"]
    else:
        vectors, source = _vectors(settings, model, training_set.label_table, say)
    check_vectors(vectors, structures, source, training_set.label_table)
    name = settings.name or run.path.absolute().name
    spec = network_spec(settings, name, vectors.shape[1], training_set.orientation, training_set.label_table)
    if resumed is not None:
        network, start = build_network(spec), resumed["start"]
    else:
        network, start = first_network(spec, settings, model, say)
    config = {"learning": learning, "names": source, "start": start}
    if writes and resumed is None:
        with whole_file(run.names) as stream:
            stream.write(save({_NAMES: vectors.contiguous()}))
        write_json(_versions() | {"training_set": training_set.fingerprint}, run.versions)
        where = {"training_set": str(training_set.folder.absolute()), "machine": asdict(settings.machine)}
        where["machine"]["cache"] = None if settings.machine.cache is None else str(settings.machine.cache)
        write_json(config | where, run.config)
    return StartState(spec, network, vectors, config | {"versions": _versions()})


def _learning(settings: TrainingSettings, training_set: TrainingSet) -> dict[str, Any]:
    """All that decides what is learned, as JSON values. Files count by their content."""
    return {
        "recipe": settings.recipe.as_dict(),
        "name": settings.name,
        "seed": settings.seed,
        "weights": None if settings.weights is None else file_sha256(find_model(settings.weights)),
        "imagenet": settings.imagenet,
        "names": None if settings.names is None else file_sha256(find_model(settings.names)),
        "patience": settings.patience,
        "val_samples": settings.val_samples,
        "real_share": settings.real_share,
        "licence": settings.licence,
        "description": settings.description,
        "training_set": training_set.fingerprint,
    }


def _vectors(
    settings: TrainingSettings, model: Checkpoint | None, table: LabelTable, say: Say
) -> tuple[Tensor, str]:
    """Those of `settings.names`, else those that the weights to start from were trained with."""
    if settings.names is None and model is not None:
        return vectors_of_model(model, table), model.spec.name
    vectors, source = find_vectors(settings.names, table)
    if settings.names is None and settings.recipe.name == "published":
        say(f"Without --names the names' vectors are not CLIP's as published, but those of {source}.")
    return vectors, source


def _versions() -> dict[str, str]:
    own = {"python": platform.python_version(), "segae": segae.__version__}
    return own | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # there, but not installed
        return "not installed"
