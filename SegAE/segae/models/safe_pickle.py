"""Reads the pickles that published weights come in without running what they hold.

A pickle may name any callable of any module. Here only those that rebuild tensors, arrays and plain
containers can be named; anything else ends the reading before it is called.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

from segae.errors import InputError, ModelError


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
