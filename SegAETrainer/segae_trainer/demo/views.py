"""Views of this model's pool pictures, a whole batch at a time on the training device."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from segae.models.spec import ModelSpec
from segae_trainer.views import normalised, random_grid, random_intensities

ROTATION, SCALE = math.radians(10), 0.12


def random_views(images: Tensor, spec: ModelSpec, size: int, draw: Generator) -> Tensor:
    """Network input (B, channels, size, size) from pool pictures (B, channels, P, P) uint8: turned,
    scaled, sheared, moved, bent, and with other grey values, blur and noise. Left stays left. `size` is
    the network's size or half."""
    pictures = images.float() / 255
    if size < spec.input_size:
        pictures = functional.avg_pool2d(pictures, spec.input_size // size)
    grid, _ = random_grid(len(images), size, draw, ROTATION, SCALE)
    views = functional.grid_sample(pictures, grid, mode="bilinear", align_corners=False)
    return normalised(torch.cat((random_intensities(views[:, :-1], draw), views[:, -1:]), dim=1), spec)


def centre_views(images: Tensor, spec: ModelSpec) -> Tensor:
    """What scoring shows the network: the middle (B, channels, S, S) of each pool picture."""
    margin = (images.shape[-1] - spec.input_size) // 2
    inner = slice(margin, margin + spec.input_size)
    return normalised(images[:, :, inner, inner].float() / 255, spec)
