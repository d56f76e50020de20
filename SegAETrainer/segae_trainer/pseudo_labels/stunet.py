"""STU-Net (Huang and others, arXiv 2304.06716): a residual 3D U-Net in four sizes.

Six stages of residual blocks; nearest-neighbour upsampling with a 1x1x1 convolution; skip connections joined
to the input of each decoder stage, which all have a segmentation head. The modules are named as in the
published state dicts, so that their weights can be loaded.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segae_trainer.pseudo_labels.sizes import Size

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
