"""`segae-dense`: says where the organ is, and computes the Dice of the mask from that.

A U-shaped residual network sees CT, mask and name and gives each pixel's probability p of belonging to the
organ, and the organ's area outside the crop. With m the mask, the expected areas give D = 2 sum(p m) /
(sum(p) + sum(m) + outside). A scalar head sees pooled features and these sums and corrects D to s; the
score is the mean of both. The name, the position features and the context view, at which a small encoder of
its own looks, condition every block by scale and shift (FiLM, Perez et al. 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from segae.errors import ModelError
from segae.inputs.position import POSITION_FEATURES
from segae.inputs.spec import CropRule, InputSpec
from segae.models.output import ModelOutput, presence_of
from segae.models.spec import ModelSpec

# Channels at full, half, ... resolution; the first is a thin branch for the outline.
WIDTHS: dict[str, tuple[int, ...]] = {
    "small": (8, 16, 32, 64, 96),
    "base": (8, 24, 48, 96, 160),
    "wide": (8, 32, 64, 128, 192),
}
BACKBONES = tuple(WIDTHS)
OUTPUTS = ("error_map", "areas", "presence")
DEFAULT_INPUT = InputSpec(
    size=128,
    crop=CropRule("context", scale=1.1, millimetres=40.0),
    neighbours_mm=(-6.0, 6.0),
    context_view=4.0,
    position_features=True,
)
CONDITIONING = 96  # numbers that condition every block
_VIEW_SIZE, _VIEW_WIDTHS = 64, (1, 16, 32, 64, 64)
OUTSIDE_SCALE = 100.0  # pixels of the crop per unit of the network's output

# What parameters were called in files of format 1.
OLD_KEYS = {
    "place.": "position.",
    "surroundings.told.": "context_view.conditioning.",
    "surroundings.": "context_view.",
    "condition.": "conditioning.",
}


@dataclass(frozen=True, eq=False)
class DenseOutput:
    """What training looks at. `logits` (B, S, S): of the organ; `outside` (B,): its area outside the crop in
    pixels of the crop; `soft_dice`, `scalar` (B,): D and s."""

    logits: Tensor
    outside: Tensor
    soft_dice: Tensor
    scalar: Tensor


class Block(nn.Module):
    """A residual block whose second normalisation is scaled and shifted by the conditioning."""

    def __init__(self, into: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        self.film = nn.Linear(CONDITIONING, 2 * out)
        self.skip = nn.Identity() if into == out and stride == 1 else nn.Conv2d(into, out, 1, bias=False)
        self.pool = nn.Identity() if stride == 1 else nn.AvgPool2d(stride)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.film(condition)[:, :, None, None].chunk(2, dim=1)
        y = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        return functional.relu(torch.addcmul(shift, y, 1 + scale) + self.skip(self.pool(x)))


class Merge(nn.Module):
    """Deep features at twice their resolution, added to shallow ones, then a conditioned convolution."""

    def __init__(self, below: int, beside: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(below, beside, 1, bias=False)
        self.conv = nn.Conv2d(beside, beside, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(beside)
        self.film = nn.Linear(CONDITIONING, 2 * beside)

    def forward(self, deep: Tensor, shallow: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.film(condition)[:, :, None, None].chunk(2, dim=1)
        joined = shallow + functional.interpolate(self.narrow(deep), scale_factor=2.0, mode="nearest")
        return functional.relu(torch.addcmul(shift, self.norm(self.conv(joined)), 1 + scale))


class ContextView(nn.Module):
    """Context views (B, 1, S, S) -> (B, CONDITIONING). Coarse pixels are enough, but places count: what lies
    in front of the organ is not what lies behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(into, out, 3, 2, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())
            for into, out in pairwise(_VIEW_WIDTHS)
        )
        cells = (_VIEW_SIZE >> len(self.blocks)) ** 2
        self.conditioning = nn.Linear(cells * _VIEW_WIDTHS[-1], CONDITIONING)

    def forward(self, views: Tensor) -> Tensor:
        x = self.reduced(views)
        for block in self.blocks:
            x = block(x)
        return self.conditioning(x.flatten(1))

    def reduced(self, views: Tensor) -> Tensor:
        """The views with the few pixels that are looked at."""
        return functional.adaptive_avg_pool2d(views, _VIEW_SIZE)


class DenseNetwork(nn.Module):
    """Images (B, channels, S, S) with S a multiple of 16, text vectors (B, text_dim) and, where the spec asks
    for them, position features (B, POSITION_FEATURES) -> `ModelOutput`. The mask is the last channel,
    `mask_mean` and `mask_std` undo its normalisation; the one before it is the context view, where the spec
    asks for it."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        thin, *widths = WIDTHS[spec.backbone]
        shown = spec.input
        self.mask_mean, self.mask_std = shown.mask_mean, shown.mask_std
        self.name = nn.Sequential(nn.Linear(spec.text_dim, CONDITIONING), nn.ReLU())
        self.position = nn.Linear(POSITION_FEATURES, CONDITIONING) if shown.position_features else None
        self.context_view = ContextView() if shown.context_view else None
        self.conditioning = nn.Sequential(nn.Linear(CONDITIONING, CONDITIONING), nn.ReLU())
        self.stem = nn.Conv2d(shown.channels - bool(shown.context_view), thin, 3, 1, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(thin)
        sizes = [thin, *widths]
        self.down = nn.ModuleList(Block(into, out, stride=2) for into, out in pairwise(sizes))
        self.deep = nn.ModuleList(Block(width, width) for width in widths[1:])
        self.up = nn.ModuleList(
            Merge(below, beside) for below, beside in zip(sizes[:0:-1], sizes[-2::-1], strict=True)
        )
        self.pixel = nn.Conv2d(thin, 1, 1)
        self.outside = nn.Linear(widths[-1] + CONDITIONING, 1)
        self.head = nn.Sequential(
            nn.Linear(widths[-1] + widths[0] + CONDITIONING + 7, 128), nn.ReLU(), nn.Linear(128, 1)
        )

    def forward(self, images: Tensor, text: Tensor, position: Tensor | None = None) -> ModelOutput:
        mask = images[:, -1] * self.mask_std + self.mask_mean
        return finish(self.dense(images, text, position), mask)

    def dense(self, images: Tensor, text: Tensor, position: Tensor | None = None) -> DenseOutput:
        """The parts of the output."""
        mask = images[:, -1] * self.mask_std + self.mask_mean
        known = self.name(text)
        if self.position is not None and position is not None:
            known = known + self.position(position)
        crop = images
        if self.context_view is not None:
            known = known + self.context_view(images[:, -2:-1])
            crop = torch.cat((images[:, :-2], images[:, -1:]), dim=1)
        condition = self.conditioning(known)
        fine = functional.relu(self.stem_norm(self.stem(crop)))
        levels, x = [], fine
        for step, block in enumerate(self.down):
            x = block(x, condition)
            if step > 0:
                x = self.deep[step - 1](x, condition)
            levels.append(x)
        bottom = x.mean(dim=(2, 3))
        for merge, shallow in zip(self.up[:-1], levels[-2::-1], strict=True):
            x = merge(x, shallow, condition)
        logits = self.pixel(self.up[-1](x, fine, condition))[:, 0]
        return self.read_out(logits, bottom, x, condition, mask)

    def read_out(
        self, logits: Tensor, bottom: Tensor, inner: Tensor, condition: Tensor, mask: Tensor
    ) -> DenseOutput:
        """The numbers that follow from the logits (B, S, S), the pooled features `bottom` (B, C) of the
        lowest level, the features `inner` (B, C, S / 2, S / 2), the conditioning and the mask (B, S, S)."""
        middle = _inside_mean(inner, functional.avg_pool2d(mask[:, None], 2))
        # Sums over pixels need all digits, also when the network learns in a shorter number type.
        logits = logits.float()
        outside = functional.softplus(self.outside(torch.cat((bottom, condition), dim=1))[:, 0].float())
        sums = _sums(logits.sigmoid(), mask, outside * OUTSIDE_SCALE)
        soft = sums[:, 0]
        correction = self.head(torch.cat((bottom, middle, condition, sums), dim=1))[:, 0].float()
        scalar = (torch.logit(soft.clamp(0.01, 0.99)) + correction).sigmoid()
        return DenseOutput(logits, outside * OUTSIDE_SCALE, soft, scalar)


def finish(out: DenseOutput, mask: Tensor) -> ModelOutput:
    """What users of the network get, from its parts and the mask (B, S, S)."""
    organ = out.logits.sigmoid()
    both = organ * mask
    overlap, inside = both.sum(dim=(1, 2)), organ.sum(dim=(1, 2))
    return ModelOutput(
        (out.soft_dice + out.scalar) / 2,
        error_map=torch.stack((organ - both, mask - both), dim=1),
        areas=torch.stack((overlap, inside + out.outside), dim=1),
        presence=presence_of(organ),
    )


def _sums(organ: Tensor, mask: Tensor, outside: Tensor) -> Tensor:
    """(B, 7): D, then what it is made of and how sure the pixels are, on scales of about 0..1."""
    overlap, inside, size = ((organ * mask).sum((1, 2)), organ.sum((1, 2)), mask.sum((1, 2)))
    dice = 2 * overlap / (inside + outside + size).clamp(min=1)
    doubt = (organ * (1 - organ)).sum((1, 2))
    pixels = organ[0].numel()
    return torch.stack(
        (
            dice,
            overlap / size.clamp(min=1),
            overlap / (inside + outside).clamp(min=1),
            doubt / (inside + size).clamp(min=1),
            (inside / pixels + 1e-3).log() / 5,
            (size / pixels + 1e-3).log() / 5,
            outside / (inside + outside).clamp(min=1),
        ),
        dim=1,
    )


def _inside_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Features (B, C, H, W) averaged over the mask (B, 1, H, W) -> (B, C)."""
    return (x * mask).sum(dim=(2, 3)) / mask.sum(dim=(2, 3)).clamp(min=1)


def build(spec: ModelSpec) -> DenseNetwork:
    """The registry's builder; raises `ModelError` for an unknown width or a size that cannot be halved."""
    if spec.backbone not in WIDTHS:
        raise ModelError(
            f'Model "{spec.name}" has the width "{spec.backbone}"; segae-dense knows {", ".join(WIDTHS)}.'
        )
    if spec.input.size % 16:
        raise ModelError(
            f'Model "{spec.name}" sees {spec.input.size} pixels; segae-dense needs a multiple of 16.'
        )
    return DenseNetwork(spec)


def on_cpu(network: nn.Module) -> nn.Module | None:
    """The network in its form for CPUs; None where torch was built without oneDNN."""
    from segae.models.dense_cpu import FastDenseNetwork, is_available

    return FastDenseNetwork(network) if isinstance(network, DenseNetwork) and is_available() else None
