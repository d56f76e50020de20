"""Take over weights for STU-Net: the published files, or a checkpoint of an earlier training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segae.errors import InputError, ModelError
from segae_trainer.pseudo_labels.sizes import Size
from segae_trainer.pseudo_labels.stunet import HEADS, STUNet

_WRAPPERS = ("network_weights", "state_dict")  # of nnU-Net 2 (.pth) and nnU-Net 1 (.model)
_FIRST = ("conv_blocks_context.0.0.conv1.weight", "conv_blocks_context.0.0.conv3.weight")


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Names and tensors in a file of nnU-Net 1 or 2, on the CPU; nothing that the file holds is run.

    Raises `InputError` when there is no such file and `ModelError` when it holds no state dict.
    """
    if not path.is_file():
        raise InputError(f'There is no weights file "{path}"; check the path.')
    try:
        with torch.serialization.safe_globals(_numpy_globals()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make unpickling raise anything
        raise ModelError(
            f'"{path}" was not opened: it is damaged or holds more than tensors and numbers; get it again.'
        ) from error
    state = next((content[key] for key in _WRAPPERS if isinstance(content, dict) and key in content), content)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(
            f'"{path}" holds no state dict (names and tensors); give the file of trained weights.'
        )
    return {
        str(key).removeprefix("module.").removeprefix("_orig_mod."): value for key, value in state.items()
    }


def check_weights(path: Path, size: Size) -> None:
    """Raises what `load_weights` would for a STU-Net of one channel, before anything else is done with it."""
    with torch.device("meta"):
        network = STUNet(1, 2, size)
    _check(network.state_dict(), _without_heads(path), path)


def load_weights(network: nn.Module, path: Path) -> None:
    """Give `network` the weights of `path`, all but the heads, which fit other classes.

    With several input channels, the first convolutions of a one-channel file are shared among them.
    Raises `ModelError` when keys or shapes differ otherwise, and leaves the network alone then.
    """
    state = _without_heads(path)
    own = network.state_dict()
    for key in _FIRST:
        if key in state and key in own and state[key].shape[1] == 1 < own[key].shape[1]:
            n = own[key].shape[1]
            state[key] = state[key].repeat(1, n, 1, 1, 1) / n
    _check(own, state, path)
    network.load_state_dict(own | state)


def _without_heads(path: Path) -> dict[str, Tensor]:
    return {key: value for key, value in read_state_dict(path).items() if not key.startswith(HEADS)}


def _check(own: Mapping[str, Tensor], state: Mapping[str, Tensor], path: Path) -> None:
    body = {key: value for key, value in own.items() if not key.startswith(HEADS)}
    missing, foreign = sorted(body.keys() - state.keys()), sorted(state.keys() - body.keys())
    if missing or foreign:
        key = (missing or foreign)[0]
        what = "lacks" if missing else "has"
        raise ModelError(
            f'"{path}" does not fit this STU-Net: it {what} "{key}"; choose the size that the file is of.'
        )
    for key, value in state.items():
        if value.shape != body[key].shape:
            raise ModelError(
                f'"{path}" does not fit this STU-Net: "{key}" is {tuple(value.shape)} instead of '
                f"{tuple(body[key].shape)}; choose the size that the file is of."
            )


def _numpy_globals() -> list[Any]:
    """What the numbers of a training log in a checkpoint are made of, under the names of numpy 1 and 2."""
    scalar, reconstruct = np.float64(0).__reduce__()[0], np.zeros(1).__reduce__()[0]
    both = [
        (function, f"numpy.{core}.multiarray.{name}")
        for core in ("core", "_core")
        for function, name in ((scalar, "scalar"), (reconstruct, "_reconstruct"))
    ]
    types = [type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64, np.int32, np.bool_)]
    return [*both, np.ndarray, np.dtype, *types]
