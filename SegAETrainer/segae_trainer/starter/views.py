"""Random views of pool pictures, a whole batch at a time on the training device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from segae.inputs.build import normalise
from segae.inputs.position import PLACE_FEATURES
from segae.models.spec import ModelSpec
from segae_trainer.data.augmentation import random_grid, random_intensities
from segae_trainer.starter.pool import Pool

FLAT_NEIGHBOURS = 0.15  # of the views: thick slices, whose neighbours are all the same
NO_PLACE, NO_PROFILE = 0.15, 0.3  # of the views: the numbers are not told
PLACE_NOISE, PROFILE_NOISE = 0.05, 0.15


@dataclass(frozen=True, eq=False)
class View:
    """What the network is shown and what it should say. `images` (B, channels, S, S); `context` (B,
    POSITION_FEATURES); `mask`, `organ` (B, S, S) 0..1; `outside` (B,): organ beyond the view, in its pixels;
    `target` (B,): Dice of the whole slice, NaN where there is nothing; `known` (B,); `structures` (B,)."""

    images: Tensor
    context: Tensor
    mask: Tensor
    organ: Tensor
    outside: Tensor
    target: Tensor
    known: Tensor
    structures: Tensor


def random_views(pairs: Pool, spec: ModelSpec, size: int, draw: Generator) -> View:
    """Turned, scaled, sheared, moved, bent, and with other grey values, blur and noise. Left stays left.
    `size` is the network's size or half."""
    pictures = torch.from_numpy(pairs.images).float() / 255
    if size < spec.input.size:
        pictures = functional.avg_pool2d(pictures, spec.input.size // size)
    grid, log_scale = random_grid(len(pictures), size, draw)
    seen = functional.grid_sample(pictures, grid, mode="bilinear", align_corners=False)
    ct = random_intensities(seen[:, :-2], draw)
    flat = _happens(len(ct), FLAT_NEIGHBOURS, draw)[:, None, None, None]
    near = ct.shape[1] - bool(spec.input.context_view)  # the slices, of which the surroundings are none
    ct = torch.cat((torch.where(flat, ct[:, :1], ct[:, :near]), ct[:, near:]), dim=1)
    context = _random_context(torch.from_numpy(pairs.context), log_scale, draw)
    pixels = torch.from_numpy(pairs.organ) * (size / spec.input.size) ** 2 * (-2 * log_scale).exp()
    return _view(pairs, spec, torch.cat((ct, seen[:, -2:]), dim=1), context, pixels)


def centre_views(pairs: Pool, spec: ModelSpec) -> View:
    """What scoring shows the network: the middle of each pool picture."""
    margin = (pairs.images.shape[-1] - spec.input.size) // 2
    inner = slice(margin, margin + spec.input.size)
    seen = torch.from_numpy(pairs.images[:, :, inner, inner]).float() / 255
    return _view(pairs, spec, seen, torch.from_numpy(pairs.context), torch.from_numpy(pairs.organ))


def _view(pairs: Pool, spec: ModelSpec, seen: Tensor, context: Tensor, organ_pixels: Tensor) -> View:
    mask, organ = seen[:, -2], seen[:, -1]
    return View(
        images=normalise(seen[:, :-1], spec.input),
        context=context,
        mask=mask,
        organ=organ,
        outside=(organ_pixels - organ.sum(dim=(1, 2))).clamp(min=0),
        target=torch.from_numpy(pairs.targets),
        known=torch.from_numpy(pairs.known),
        structures=torch.from_numpy(pairs.structures),
    )


def _random_context(context: Tensor, log_scale: Tensor, draw: Generator) -> Tensor:
    """The window's size follows the view; place and profile are a little wrong, or not told at all."""
    context = context.clone()
    context[:, 0] += log_scale
    context[:, 1] -= 2 * log_scale / 3
    place, profile = context[:, 2:PLACE_FEATURES], context[:, PLACE_FEATURES:]
    place += PLACE_NOISE * torch.randn(place.shape, generator=draw)
    profile += PROFILE_NOISE * torch.randn(profile.shape, generator=draw)
    place *= ~_happens(len(context), NO_PLACE, draw)[:, None]
    profile *= ~_happens(len(context), NO_PROFILE, draw)[:, None]
    return context


def _happens(count: int, share: float, draw: Generator) -> Tensor:
    return torch.rand(count, generator=draw) < share
