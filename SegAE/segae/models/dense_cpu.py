"""The dense network as the CPU runs it fastest: the same weights, fewer passes over memory.

Half of the time of the plain forward pass goes into small operations between the convolutions. Here batch
norms are part of the convolutions, a ReLU right after one is computed with it, weights are packed once for
oneDNN, all FiLM scales and shifts come from one matrix product, and everything else works in place, on
channels that lie next to each other in memory. Scores differ by the order of float additions, less than 1e-5.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from segae.models.dense import CONDITIONING, Block, DenseNetwork, DenseOutput, Merge, finish
from segae.models.output import ModelOutput

_pointwise: Any = getattr(torch.ops.mkldnn, "_convolution_pointwise", None)
_pack: Any = getattr(torch._C._nn, "mkldnn_reorder_conv2d_weight", None)  # type: ignore[attr-defined]


def is_available() -> bool:
    """Whether this torch has what the fast form needs."""
    return torch.backends.mkldnn.is_available() and None not in (_pointwise, _pack)


class FastDenseNetwork(nn.Module):
    """Takes and gives what `DenseNetwork` does, in evaluation mode on the CPU; images best channels last.

    Where images are large, one slice at a time stays in the processor's cache, and its FiLM becomes part of
    the convolution's weights; further down all slices go together.
    """

    def __init__(self, network: DenseNetwork) -> None:
        super().__init__()
        self.plain = network.eval()
        down, deep = (
            [block for block in blocks if isinstance(block, Block)] for blocks in (network.down, network.deep)
        )
        up = [merge for merge in network.up if isinstance(merge, Merge)]
        blocks = [block for pair in zip(down[1:], deep, strict=True) for block in pair]
        conditioned = [down[0], *blocks, *up]  # in the order in which they are used
        self.film = nn.Linear(CONDITIONING, sum(block.film.out_features for block in conditioned))
        with torch.no_grad():
            self.film.weight.copy_(torch.cat([block.film.weight for block in conditioned]))
            self.film.bias.copy_(torch.cat([block.film.bias for block in conditioned]))
        self._splits = [block.film.out_features for block in conditioned]
        self._stem = _Convolution(network.stem, network.stem_norm, relu=True)
        self._first = _FineBlock(down[0])
        self._blocks = [_FastBlock(block) for block in blocks]
        self._merges = [_FastMerge(merge) for merge in up[:-2]]
        self._last = [_FineMerge(merge) for merge in up[-2:]]
        self._pixel = _Convolution(network.pixel)
        view = network.context_view
        layers = [] if view is None else [list(block.children()) for block in view.blocks]
        self._view = [
            _Convolution(conv, norm, relu=True)
            for conv, norm, _ in layers
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        ]

    def forward(self, images: Tensor, text: Tensor, position: Tensor | None = None) -> ModelOutput:
        mask = images[:, -1] * self.plain.mask_std + self.plain.mask_mean
        return finish(self.dense(images, mask, text, position), mask)

    def dense(self, images: Tensor, mask: Tensor, text: Tensor, position: Tensor | None) -> DenseOutput:
        """The parts of the output, as `DenseNetwork.dense` gives them."""
        condition, crop = self._conditioning(images, text, position)
        films = self.film(condition).split(self._splits, dim=1)
        fine = [self._stem(one) for one in crop.contiguous(memory_format=torch.channels_last).split(1)]
        high = [self._first(*one) for one in zip(fine, *self._first.film(films[0]), strict=True)]
        x = torch.cat(high)
        levels = []
        for step, block in enumerate(self._blocks):
            x = block(x, films[1 + step])
            if step % 2:  # the second of each level
                levels.append(x)
        bottom = x.mean(dim=(2, 3))
        for merge, shallow, film in zip(
            self._merges, levels[-2::-1], films[-len(self._merges) - 2 :], strict=False
        ):
            x = merge(x, shallow, film)
        inner, logits = [], []
        steered = [merge.film(film) for merge, film in zip(self._last, films[-2:], strict=True)]
        for place, deep in enumerate(x.split(1)):
            first, second = ((weights[place], shifts[place]) for weights, shifts in steered)
            inner.append(self._last[0](deep, high[place], *first))
            logits.append(self._pixel(self._last[1](inner[-1], fine[place], *second))[:, 0])
        return self.plain.read_out(torch.cat(logits), bottom, torch.cat(inner), condition, mask)

    def _conditioning(self, images: Tensor, text: Tensor, position: Tensor | None) -> tuple[Tensor, Tensor]:
        """The conditioning (B, CONDITIONING), and the channels of the crop."""
        plain = self.plain
        known = plain.name(text)
        if plain.position is not None and position is not None:
            known = known + plain.position(position)
        if plain.context_view is None:
            return plain.conditioning(known), images
        x = plain.context_view.reduced(images[:, -2:-1])
        for block in self._view:
            x = block(x)
        known = known + plain.context_view.conditioning(x.flatten(1))
        return plain.conditioning(known), torch.cat((images[:, :-2], images[:, -1:]), dim=1)


class _Convolution:
    """A convolution with its batch norm and ReLU; weights are packed once for each size of input."""

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d | None = None, *, relu: bool = False) -> None:
        fused = conv if norm is None else fuse_conv_bn_eval(conv, norm)
        self.weight = fused.weight.detach().contiguous(memory_format=torch.channels_last)
        self.bias = torch.zeros(len(self.weight)) if fused.bias is None else fused.bias.detach()
        self.where = [list(value) for value in (fused.padding, fused.stride, fused.dilation)]
        self._after = "relu" if relu else "none"
        self._packed: dict[tuple[int, ...], Tensor] = {}

    def __call__(self, x: Tensor) -> Tensor:
        weight = self._packed.get(x.shape[1:])
        if weight is None:
            plain = self.weight.to_mkldnn()
            weight = _pack(plain, *self.where, 1, list(x.shape))
            self._packed[x.shape[1:]] = weight
        return _pointwise(x, weight, self.bias, *self.where, 1, self._after, [], "")

    def conditioned(self, film: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (B, O, I, h, w) and biases (B, O) that do what `film` (B, 2 O) does afterwards."""
        scale, shift = film.chunk(2, dim=1)
        scale = 1 + scale
        return self.weight * scale[:, :, None, None, None], torch.addcmul(shift, scale, self.bias)


class _FastBlock:
    """A `Block` for several slices."""

    def __init__(self, block: Block) -> None:
        self._first = _Convolution(block.conv1, block.norm1, relu=True)
        self._second = _Convolution(block.conv2, block.norm2)
        self._skip = _Convolution(block.skip) if isinstance(block.skip, nn.Conv2d) else block.skip
        self._pool = block.pool

    def __call__(self, x: Tensor, film: Tensor) -> Tensor:
        y = _conditioned(self._second(self._first(x)), film)
        return y.add_(self._skip(self._pool(x))).relu_()


class _FastMerge:
    """A `Merge` for several slices."""

    def __init__(self, merge: Merge) -> None:
        self._narrow = _Convolution(merge.narrow)
        self._conv = _Convolution(merge.conv, merge.norm)

    def __call__(self, deep: Tensor, shallow: Tensor, film: Tensor) -> Tensor:
        return _conditioned(self._conv(_joined(self._narrow(deep), shallow)), film).relu_()


class _FineBlock:
    """A `Block` with stride for one slice; its FiLM is part of the weights."""

    def __init__(self, block: Block) -> None:
        assert isinstance(block.skip, nn.Conv2d)
        self._first = _Convolution(block.conv1, block.norm1, relu=True)
        self._second = _Convolution(block.conv2, block.norm2)
        self._skip, self._pool = _Convolution(block.skip), block.pool
        self.film = self._second.conditioned

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y, skip = self._first(x), self._skip(self._pool(x))
        return _pointwise.binary(y, skip, weight, bias, *self._second.where, 1, "add", 1.0, "relu", [], "")


class _FineMerge:
    """A `Merge` for one slice; its FiLM is part of the weights."""

    def __init__(self, merge: Merge) -> None:
        self._narrow = _Convolution(merge.narrow)
        self._conv = _Convolution(merge.conv, merge.norm)
        self.film = self._conv.conditioned

    def __call__(self, deep: Tensor, shallow: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        joined = _joined(self._narrow(deep), shallow)
        return _pointwise(joined, weight, bias, *self._conv.where, 1, "relu", [], "")


def _joined(deep: Tensor, shallow: Tensor) -> Tensor:
    """`deep` (B, C, H, W) at twice its resolution, and `shallow` added."""
    return functional.interpolate(deep, scale_factor=2.0, mode="nearest").add_(shallow)


def _conditioned(y: Tensor, film: Tensor) -> Tensor:
    """`y` (B, C, H, W; channels last) scaled by 1 + the first half of `film` (B, 2 C) and shifted by the
    second, in place."""
    scale, shift = film.chunk(2, dim=1)
    flat = y.permute(0, 2, 3, 1).flatten(1, 2)
    torch.addcmul(shift[:, None], flat, (1 + scale)[:, None], out=flat)
    return y
