"""Random views of pictures that are a little larger than the network's window, a whole batch at a time."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Generator, Tensor
from torch.nn import functional

from segae.models.spec import ModelSpec

ROOM = 1.25  # side of such a picture / side of the network's window
ROTATION = math.radians(9)
SCALE, SHEAR, MOVE, ELASTIC = 0.13, 0.06, 0.05, 0.03
GAIN, OFFSET, NOISE = 0.1, 0.05, 0.045  # of the CT window's width


def wide_spec(spec: ModelSpec) -> ModelSpec:
    """The rendering of such a picture: the same millimetres per pixel as `spec`, a wider window, values in
    0..1."""
    crop = replace(spec.crop, scale=spec.crop.scale * ROOM, millimetres=spec.crop.millimetres * ROOM)
    size = round(spec.input_size * ROOM)
    return replace(spec, input_size=size, crop=crop, ct_mean=0.0, ct_std=1.0, mask_mean=0.0, mask_std=1.0)


def normalised(views: Tensor, spec: ModelSpec) -> Tensor:
    """CT channels and mask (B, channels, S, S), 0..1, as the network takes them."""
    ct = (views[:, :-1] - spec.ct_mean) / spec.ct_std
    return torch.cat((ct, (views[:, -1:] - spec.mask_mean) / spec.mask_std), dim=1)


def random_grid(
    count: int, size: int, draw: Generator, rotation: float = ROTATION, scale: float = SCALE
) -> tuple[Tensor, Tensor]:
    """Where to read (B, size, size, 2), in the coordinates of `grid_sample`: -1..1 spans the whole pool
    picture; and the logarithm of how much larger than the network's window the view is (B,).
    Turned by up to `rotation` radians, scaled by up to exp(`scale`)."""
    angle, log_scale, shear = (_uniform((count,), limit, draw) for limit in (rotation, scale, SHEAR))
    zoom = log_scale.exp() / ROOM
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    move = _uniform((count, 2), MOVE, draw)
    rows = (torch.stack((cos, shear * zoom - sin, move[:, 0]), 1), torch.stack((sin, cos, move[:, 1]), 1))
    grid = functional.affine_grid(torch.stack(rows, dim=1), [count, 1, size, size], align_corners=False)
    bend = torch.randn(count, 2, 5, 5, generator=draw) * _uniform((count, 1, 1, 1), ELASTIC, draw)
    bend = functional.interpolate(bend, size=(size, size), mode="bicubic", align_corners=False)
    return grid + bend.permute(0, 2, 3, 1), log_scale


def random_intensities(ct: Tensor, draw: Generator) -> Tensor:
    """CT channels (B, C, S, S) in 0..1 with other gain and offset, blur and noise."""
    count, channels, size, _ = ct.shape
    one = (count, 1, 1, 1)
    ct = ct * (1 + _uniform(one, GAIN, draw)) + _uniform(one, OFFSET, draw)
    blurred = functional.interpolate(functional.avg_pool2d(ct, 3), size=(size, size), mode="bilinear")
    ct = torch.lerp(ct, blurred, (torch.rand(one, generator=draw) - 0.5).clamp(min=0) * 2)
    strength = torch.rand(one, generator=draw) * NOISE
    grain = torch.randn(count, channels, size, size, generator=draw)
    clumps = torch.randn(count, channels, size // 4, size // 4, generator=draw)
    clumps = functional.interpolate(clumps, size=(size, size), mode="bilinear")
    return (ct + strength * (0.7 * grain + clumps)).clamp(0, 1)


def _uniform(shape: tuple[int, ...], limit: float, draw: Generator) -> Tensor:
    """Evenly from -limit..limit."""
    return (torch.rand(shape, generator=draw) * 2 - 1) * limit
