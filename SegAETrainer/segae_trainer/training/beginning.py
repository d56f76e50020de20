"""What stands fixed before the first step, checked against what the run folder was begun with."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from safetensors.torch import load_file, save
from torch import Tensor, nn

from segae.models.catalogue import find_model
from segae.models.checkpoint import Checkpoint, file_sha256, load_checkpoint
from segae.models.registry import build_network
from segae.models.spec import ModelSpec
from segae.whole_file import whole_file
from segae_trainer.training.names import check_vectors, find_vectors
from segae_trainer.training.run_folder import RunFolder, check_same, read_config, write_json
from segae_trainer.training.settings import TrainingSettings
from segae_trainer.training.start import Say, first_network, network_spec
from segae_trainer.training_set import TrainingSet

_PACKAGES = ("segae", "torch", "torchvision", "lightning", "numpy")
_NAMES = "names"


@dataclass(frozen=True, eq=False)
class Beginning:
    """`network` is in its first state, or fresh when a checkpoint will be restored into it; `vectors` are
    those of the names; `about` tells in the model file how it was trained."""

    spec: ModelSpec
    network: nn.Module
    vectors: Tensor
    about: dict[str, Any]


def begin(
    settings: TrainingSettings,
    training_set: TrainingSet,
    structures: Iterable[int],
    run: RunFolder,
    *,
    say: Say,
    writes: bool,
) -> Beginning:
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
        vectors, source = _vectors(settings, model, say)
    check_vectors(vectors, structures, source)
    name = settings.name or run.path.absolute().name
    spec = network_spec(settings, name, vectors.shape[1], training_set.orientation)
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
        write_json(config | where, run.config)
    return Beginning(spec, network, vectors, config | {"versions": _versions()})


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
        "licence": settings.licence,
        "description": settings.description,
        "training_set": training_set.fingerprint,
    }


def _vectors(settings: TrainingSettings, model: Checkpoint | None, say: Say) -> tuple[Tensor, str]:
    """Those of `settings.names`, else those that the weights to start from were trained with."""
    if settings.names is None and model is not None:
        return model.text_vectors, model.spec.name
    vectors, source = find_vectors(settings.names)
    if settings.names is None and settings.recipe.name == "published":
        say(f"Without --names the names' vectors are not CLIP's as published, but those of {source}.")
    return vectors, source


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from its source folder
        return "not installed"
