"""STU-Net (Huang and others, arXiv 2304.06716): a residual 3D U-Net in four sizes.

Six stages of residual blocks; nearest-neighbour upsampling with a 1x1x1 convolution; skip connections joined
to the input of each decoder stage, which all have a segmentation head. The modules are named as in the
published state dicts, so that their weights can be loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segae.errors import InputError, ModelError
from segae_trainer.pseudo_labels.options import Size

Triple = tuple[int, int, int]
N_STAGES = 6
HEADS = "seg_outputs."  # keys of the heads, which depend on the number of classes


class STUNet(nn.Module):
    """Images (N, in_channels, D, H, W) -> logits (N, n_classes, D, H, W).

    While `decoder.deep_supervision` is set (nnU-Net does so for training), a tuple of the logits of all five
    decoder stages, the finest first. D, H, W must be divisible by the product of `strides` along their axis.
    """

    def __init__(
        self, in_channels: int, n_classes: int, size: Size, strides: Sequence[Triple] = ((2, 2, 2),) * 5
    ) -> None:
        super().__init__()
        if len(strides) != N_STAGES - 1:
            raise ValueError(f"STU-Net has {N_STAGES - 1} strides, got {len(strides)}")
        channels = size.channels
        self.decoder = _Switch()
        stages = zip((in_channels, *channels), channels, ((1, 1, 1), *strides), strict=False)
        self.conv_blocks_context = nn.ModuleList(
            _stage(before, after, size.depth, stride) for before, after, stride in stages
        )
        upwards = list(zip(channels[:0:-1], channels[-2::-1], reversed(strides), strict=True))
        self.upsample_layers = nn.ModuleList(Upsample(below, here, stride) for below, here, stride in upwards)
        self.conv_blocks_localization = nn.ModuleList(
            _stage(2 * here, here, size.depth) for _, here, _ in upwards
        )
        self.seg_outputs = nn.ModuleList(nn.Conv3d(here, n_classes, kernel_size=1) for _, here, _ in upwards)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        x, skips = images, []
        for stage in self.conv_blocks_context:
            x = stage(x)
            skips.append(x)
        skips.pop()
        logits = []
        for upsample, stage, head in zip(
            self.upsample_layers, self.conv_blocks_localization, self.seg_outputs, strict=True
        ):
            x = stage(torch.cat((upsample(x), skips.pop()), dim=1))
            if self.decoder.deep_supervision or not skips:
                logits.append(head(x))
        return tuple(reversed(logits)) if self.decoder.deep_supervision else logits[-1]


class ResidualBlock(nn.Module):
    """conv, norm, LeakyReLU, conv, norm; plus the input (if `project`, through a convolution); LeakyReLU."""

    def __init__(self, before: int, after: int, stride: Triple, project: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(before, after, kernel_size=3, stride=stride, padding=1)
        self.norm1 = nn.InstanceNorm3d(after, affine=True)
        self.conv2 = nn.Conv3d(after, after, kernel_size=3, padding=1)
        self.norm2 = nn.InstanceNorm3d(after, affine=True)
        self.conv3 = nn.Conv3d(before, after, kernel_size=1, stride=stride) if project else None
        self.act = nn.LeakyReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return self.act(y + (x if self.conv3 is None else self.conv3(x)))


class Upsample(nn.Module):
    """Repeats voxels by `stride`, then mixes channels."""

    def __init__(self, before: int, after: int, stride: Triple) -> None:
        super().__init__()
        self.conv = nn.Conv3d(before, after, kernel_size=1)
        self.scale = tuple(float(factor) for factor in stride)

    def forward(self, x: Tensor) -> Tensor:
        # Repetition and a 1x1x1 convolution commute; on the smaller side the convolution is cheaper.
        return nn.functional.interpolate(self.conv(x), scale_factor=self.scale, mode="nearest")


class _Switch(nn.Module):
    """Where nnU-Net turns deep supervision on and off."""

    def __init__(self) -> None:
        super().__init__()
        self.deep_supervision = False


def fit_strides(pooling: Sequence[Sequence[int]]) -> list[Triple]:
    """The five strides of STU-Net from those of an nnU-Net plan, whose first stage does not pool.

    Stages beyond the sixth are left out; missing ones do not pool.
    """
    wanted = [(int(a), int(b), int(c)) for a, b, c in pooling[1:N_STAGES]]
    return wanted + [(1, 1, 1)] * (N_STAGES - 1 - len(wanted))


def _stage(before: int, after: int, depth: int, stride: Triple = (1, 1, 1)) -> nn.Sequential:
    first = ResidualBlock(before, after, stride, project=True)
    rest = (ResidualBlock(after, after, (1, 1, 1), project=False) for _ in range(depth - 1))
    return nn.Sequential(first, *rest)


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
