"""Published weights brought into SegAE's form, without running anything in the files."""

from __future__ import annotations

import io
import pickle
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segae.errors import InputError, ModelError
from segae.geometry.orientation import check_code
from segae.models.checkpoint import Checkpoint, widened
from segae.models.quality_model import QualityModel
from segae.models.registry import default_input, new_spec

if TYPE_CHECKING:
    from torch import Tensor


def load_weights(path: Path) -> dict[str, Any]:
    """The state dict of a `.pth` file, read by torch with `weights_only=True`, tensors on the CPU.

    Wrappers such as {"state_dict": ...} and the prefix "module." are taken off.
    """
    import torch

    _require_file(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make unpickling raise anything
        raise _refused(path) from error
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise ModelError(
            f'"{path}" holds no state dict (names and tensors); give the file of trained weights.'
        )
    return {str(key).removeprefix("module."): value for key, value in loaded.items()}


def load_plain_pickle(path: Path) -> Any:
    """The object in a pickle made of containers, numbers, strings, numpy arrays and torch tensors only."""
    _require_file(path)
    try:
        with path.open("rb") as file:
            return _TensorUnpickler(file).load()
    except Exception as error:  # damaged bytes make unpickling raise anything
        raise _refused(path) from error


class _TensorUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        import numpy as np
        import torch._utils

        allowed: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): dict,
            ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
            ("torch.storage", "_load_from_bytes"): _storage_from_bytes,
            ("_codecs", "encode"): _bytes_from_text,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        array = np.zeros(1)
        for package in ("numpy.core", "numpy._core"):  # renamed in numpy 2
            allowed[f"{package}.multiarray", "_reconstruct"] = array.__reduce__()[0]
            allowed[f"{package}.numeric", "_frombuffer"] = array.__reduce_ex__(5)[0]
        try:
            return allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed") from None


def _storage_from_bytes(data: bytes) -> Any:
    """What torch would do with `weights_only=False`, done safely."""
    import torch

    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def _bytes_from_text(text: str, encoding: str) -> bytes:
    """How pickle protocols 0 to 2 write bytes; other encodings could make Python import a module."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"the encoding {encoding} is not allowed")
    return text.encode("latin1")


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f'There is no file "{path}"; check the path.')


def _refused(path: Path) -> ModelError:
    return ModelError(
        f'"{path}" was not opened: it is damaged or holds more than tensors, and such a file could run code; '
        "get the published file again."
    )


TABLE_ROWS = 145


def import_published(
    weights: Path, embeddings: Path, *, orientation: str = "LAS", name: str | None = None
) -> Checkpoint:
    """The checkpoint for a published `.pth` file and its `label_embedding.pkl`; no code in either file is
    run.

    The backbone is recognised from the shapes. `orientation`: the axis order that the weights were trained
    on, or "file" to score arrays as they are stored. Raises `ModelError` when the files are not what they
    should be.
    """
    from segae.models.published import UNUSED_KEYS, recognise_backbone

    check_code(orientation)
    state = load_weights(weights)
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    backbone = recognise_backbone(shapes)
    gate = shapes.get("attention1.weight", ())  # (features, features + length of a vector)
    if backbone is None or len(gate) != 2:
        raise _not_published(weights)
    vectors = _name_vectors(load_plain_pickle(embeddings), embeddings)
    if gate[1] - gate[0] != vectors.shape[1]:
        raise ModelError(
            f'"{embeddings}" has vectors of length {vectors.shape[1]}, and "{weights}" was trained with '
            f"{gate[1] - gate[0]}; use the embeddings published with these weights."
        )
    spec = new_spec(
        name=name or weights.stem,
        architecture="segae-published",
        backbone=backbone,
        text_dim=vectors.shape[1],
        input=replace(default_input("segae-published"), orientation=orientation),
        description=f"Imported from {weights.name} and {embeddings.name}.",
        licence="that of the imported files; the published SegAE weights state none",
    )
    kept = {key: widened(value) for key, value in state.items() if not key.startswith(UNUSED_KEYS)}
    checkpoint = Checkpoint(spec, kept, vectors)
    try:
        QualityModel.from_checkpoint(checkpoint)
    except ModelError as error:
        raise _not_published(weights) from error
    return checkpoint


def _not_published(weights: Path) -> ModelError:
    return ModelError(
        f'"{weights}" is not a published SegAE network: its layers fit none of the ResNets 18, 34, 50, 101 '
        "and 152 with the name gates; give a file such as best_resnet50_model.pth."
    )


def _name_vectors(table: Any, source: Path) -> Tensor:
    """(145, D) from a mapping of index or name to vectors, a list of vectors, or one array; NaN where
    none."""
    import torch

    rows = _rows_by_index(table, source)
    try:
        vectors = {index: torch.as_tensor(value).float().flatten() for index, value in rows.items()}
    except (TypeError, ValueError, RuntimeError) as error:
        raise _no_table(source) from error
    if not vectors:
        raise _no_table(source)
    lengths = {len(vector) for vector in vectors.values()}
    if len(lengths) != 1:
        raise ModelError(
            f'"{source}" holds name vectors of different lengths; give the published label_embedding.pkl.'
        )
    result = torch.full((TABLE_ROWS, lengths.pop()), float("nan"))
    for index, vector in vectors.items():
        if not 0 <= index < TABLE_ROWS:
            raise ModelError(
                f'"{source}" has a vector for row {index}; the label table has {TABLE_ROWS} rows.'
            )
        result[index] = vector
    return result


def _rows_by_index(table: Any, source: Path) -> dict[int, Any]:
    from segae.labels.table import LabelTable

    if not isinstance(table, dict):
        try:
            return dict(enumerate(table))
        except TypeError:
            raise _no_table(source) from None
    by_name = {structure.name: structure.index for structure in LabelTable.default().structures}
    rows = {}
    for key, value in table.items():
        index = by_name.get(str(key).strip()) if isinstance(key, str) else key
        if not isinstance(index, int):
            raise ModelError(
                f'"{source}" names "{key}", which is not in the label table; give the published file.'
            )
        rows[index] = value
    return rows


def _no_table(source: Path) -> ModelError:
    return ModelError(f'"{source}" holds no table of name vectors; give the published label_embedding.pkl.')
