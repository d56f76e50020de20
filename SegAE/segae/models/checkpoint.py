"""One model is one `.safetensors` file: weights, text vectors, and the `ModelSpec` in its metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segae.errors import InputError, ModelError, way
from segae.files import whole_file
from segae.models.registry import renamed_weights
from segae.models.spec import ModelSpec, described

if TYPE_CHECKING:
    from torch import Tensor

TEXT_KEY = "text_vectors"
_WEIGHTS = "weights."


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """`weights`: the network's state dict. `text_vectors` (145 and more, text_dim): one per label, NaN for a
    structure that the model has no vector for. `sha256` is the file's, "" before it is
    saved."""

    spec: ModelSpec
    weights: dict[str, Tensor]
    text_vectors: Tensor
    sha256: str = ""


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write atomically; raises `OutputError` when the disk is full or the folder cannot be written."""
    _write(checkpoint.spec, checkpoint.weights, checkpoint.text_vectors, path)


def _write(spec: ModelSpec, weights: Mapping[str, Tensor], text: Tensor, path: Path) -> None:
    from safetensors.torch import save

    tensors = {_WEIGHTS + key: value.contiguous() for key, value in weights.items()}
    tensors[TEXT_KEY] = text.contiguous()
    with whole_file(path) as stream:
        stream.write(save(tensors, metadata=spec.to_metadata()))


def check_ending(path: Path) -> None:
    """Raises `InputError` for a file that a model is to be written to under a name which no model has."""
    if path.suffix != ".safetensors":
        todo = way("change --out.", "choose another name.")
        raise InputError(f'"{path}" must end in .safetensors; {todo}')


def save_with_spec(source: Path, spec: ModelSpec, path: Path) -> None:
    """Write the weights of a model with another description, each number as it is stored; raises like
    `load_checkpoint` and `save_checkpoint`."""
    _, weights, text = _stored(source)
    _write(spec, weights, text, path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a file that `save_checkpoint` wrote. Nothing in it is executed.

    Raises `InputError` when the file is missing, `ModelError` when it is damaged or of another kind.
    """
    spec, stored, text = _stored(path)
    weights = {key: widened(value) for key, value in stored.items()}
    return Checkpoint(spec, weights, text.float(), file_sha256(path))


def _stored(path: Path) -> tuple[ModelSpec, dict[str, Tensor], Tensor]:
    """Description, weights and text vectors of a file, each number as it is stored; raises like
    `load_checkpoint`."""
    with _opened(path, "pt") as file:
        spec, version = described(file.metadata() or {}, path.name)
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    text = tensors.pop(TEXT_KEY, None)
    if text is None or tuple(text.shape)[1:] != (spec.text_dim,):
        raise ModelError(f'"{path}" has no text vectors of length {spec.text_dim}; export the model again.')
    weights = {key.removeprefix(_WEIGHTS): value for key, value in tensors.items()}
    return spec, renamed_weights(spec.architecture, weights) if version == 1 else weights, text


def read_spec(path: Path) -> ModelSpec:
    """What the file says about itself, without weights and without torch; raises like `load_checkpoint`."""
    with _opened(path, "numpy") as file:
        return described(file.metadata() or {}, path.name)[0]


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _opened(path: Path, framework: str) -> Iterator[Any]:
    """The safetensors file at `path`; every way in which it can be unusable becomes a sentence."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InputError(
            f'There is no model file "{path}"; '
            + way("`segae model list` shows the bundled ones.", "choose another model.")
        )
    if path.suffix.lower() in {".pth", ".pt", ".pkl", ".ckpt"}:
        raise ModelError(
            f'"{path}" is a PyTorch file; bring it into SegAE\'s form once with '
            + way("`segae model import`.", "Import published... in the module SegAE.")
        )
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ModelError(f'"{path}" cannot be read as a safetensors file ({error}); get it again.') from error


def widened(tensor: Tensor) -> Tensor:
    """Numbers that were stored in half or double precision, in single; counters as they are."""
    return tensor.float() if tensor.is_floating_point() else tensor
