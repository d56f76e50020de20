"""Random views of pool pictures, a whole batch at a time on the training device."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from segae.models.spec import ModelSpec
from segae_trainer.demo.pool import ROOM

ROTATION = math.radians(10)
SCALE, SHEAR, MOVE, ELASTIC = 0.12, 0.06, 0.05, 0.03
GAIN, OFFSET, NOISE = 0.1, 0.05, 0.045  # of the CT window's width


def random_views(images: Tensor, spec: ModelSpec, size: int, draw: Generator) -> Tensor:
    """Network input (B, channels, size, size) from pool pictures (B, channels, P, P) uint8: turned,
    scaled, sheared, moved, bent, and with other grey values, blur and noise. Left stays left. `size` is
    the network's size or half."""
    pictures = images.float() / 255
    if size < spec.input_size:
        pictures = functional.avg_pool2d(pictures, spec.input_size // size)
    grid = random_grid(len(images), size, draw)
    views = functional.grid_sample(pictures, grid, mode="bilinear", align_corners=False)
    return normalised(torch.cat((random_intensities(views[:, :-1], draw), views[:, -1:]), dim=1), spec)


def centre_views(images: Tensor, spec: ModelSpec) -> Tensor:
    """What scoring shows the network: the middle (B, channels, S, S) of each pool picture."""
    margin = (images.shape[-1] - spec.input_size) // 2
    inner = slice(margin, margin + spec.input_size)
    return normalised(images[:, :, inner, inner].float() / 255, spec)


def normalised(views: Tensor, spec: ModelSpec) -> Tensor:
    """Values of 0..1 as the network takes them."""
    ct = (views[:, :-1] - spec.ct_mean) / spec.ct_std
    return torch.cat((ct, (views[:, -1:] - spec.mask_mean) / spec.mask_std), dim=1)


def random_grid(count: int, size: int, draw: Generator) -> Tensor:
    """Where to read (B, size, size, 2), in the coordinates of `grid_sample`: -1..1 spans the whole pool
    picture."""
    angle, log_scale, shear = (_uniform((count,), limit, draw) for limit in (ROTATION, SCALE, SHEAR))
    zoom = log_scale.exp() / ROOM
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    move = _uniform((count, 2), MOVE, draw)
    rows = (torch.stack((cos, shear * zoom - sin, move[:, 0]), 1), torch.stack((sin, cos, move[:, 1]), 1))
    grid = functional.affine_grid(torch.stack(rows, dim=1), [count, 1, size, size], align_corners=False)
    bend = torch.randn(count, 2, 5, 5, generator=draw) * _uniform((count, 1, 1, 1), ELASTIC, draw)
    bend = functional.interpolate(bend, size=(size, size), mode="bicubic", align_corners=False)
    return grid + bend.permute(0, 2, 3, 1)


def random_intensities(ct: Tensor, draw: Generator) -> Tensor:
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
