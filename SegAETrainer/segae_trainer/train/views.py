"""What the network sees of samples in one step, in random views and other intensities, and what it should
say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from segae.inputs.build import mask_channel, model_input_of_slices, normalise
from segae.inputs.crops import Crops, crops_around
from segae.inputs.position import PLACE_FEATURES, POSITION_FEATURES
from segae.inputs.spec import InputSpec
from segae_trainer.data.rendering import ROOM, PatchCache, Patches, render
from segae_trainer.data.sample import Sample
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.train.losses import draw_margins, published_crops, published_target
from segae_trainer.train.recipes import Recipe

ROTATION = math.radians(9)
SCALE, SHEAR, MOVE, ELASTIC = 0.13, 0.06, 0.05, 0.03
GAIN, OFFSET, NOISE = 0.1, 0.05, 0.045  # of the CT window's width


def random_grid(
    count: int, size: int, draw: Generator, rotation: float = ROTATION, scale: float = SCALE
) -> tuple[Tensor, Tensor]:
    """Where to read (B, size, size, 2), in the coordinates of `grid_sample`: -1..1 spans the whole patch; and
    the logarithm of how much larger than the network's crop the view is (B,). Turned by up to `rotation`
    radians, scaled by up to exp(`scale`)."""
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


FLAT_NEIGHBOURS = 0.15  # of the views: thick slices, whose neighbours are all the same
NO_PLACE, NO_PROFILE = 0.15, 0.3  # of the views: these position features are not given
PLACE_NOISE, PROFILE_NOISE = 0.05, 0.15


class Batch(NamedTuple):
    """`images` (B, channels, S, S) and position features `position` (B, P) for the network; `structures` (B,)
    label indices; `target` (B,): the Dice to predict, NaN where there is nothing. `mask`, `organ` (B, S, S)
    0..1; `outside` (B,): organ beyond the view, in its pixels; `known` (B,): whether what is not marked is
    not the organ."""

    images: Tensor
    position: Tensor
    structures: Tensor
    target: Tensor
    mask: Tensor
    organ: Tensor
    outside: Tensor
    known: Tensor


def random_views(patches: Patches, spec: InputSpec, size: int, draw: Generator) -> Batch:
    """Turned, scaled, sheared, moved, bent, and with other grey values, blur and noise. Left stays left.
    `size` is the network's size or half."""
    images = torch.from_numpy(patches.images).float() / 255
    if size < spec.size:
        images = functional.avg_pool2d(images, spec.size // size)
    grid, log_scale = random_grid(len(images), size, draw)
    seen = functional.grid_sample(images, grid, mode="bilinear", align_corners=False)
    ct = random_intensities(seen[:, :-2], draw)
    flat = _happens(len(ct), FLAT_NEIGHBOURS, draw)[:, None, None, None]
    near = ct.shape[1] - bool(spec.context_view)  # the slices, of which the context view is none
    ct = torch.cat((torch.where(flat, ct[:, :1], ct[:, :near]), ct[:, near:]), dim=1)
    position = _random_position(torch.from_numpy(patches.position), log_scale, draw)
    pixels = torch.from_numpy(patches.organ) * (size / spec.size) ** 2 * (-2 * log_scale).exp()
    return _batch(patches, spec, torch.cat((ct, seen[:, -2:]), dim=1), position, pixels)


def centre_views(patches: Patches, spec: InputSpec) -> Batch:
    """What scoring shows the network: the middle of each patch."""
    margin = (patches.images.shape[-1] - spec.size) // 2
    inner = slice(margin, margin + spec.size)
    seen = torch.from_numpy(patches.images[:, :, inner, inner]).float() / 255
    return _batch(patches, spec, seen, torch.from_numpy(patches.position), torch.from_numpy(patches.organ))


def _batch(patches: Patches, spec: InputSpec, seen: Tensor, position: Tensor, organ_pixels: Tensor) -> Batch:
    mask, organ = seen[:, -2], seen[:, -1]
    return Batch(
        images=normalise(seen[:, :-1], spec),
        position=position,
        structures=torch.from_numpy(patches.structures),
        target=torch.from_numpy(patches.targets),
        mask=mask,
        organ=organ,
        outside=(organ_pixels - organ.sum(dim=(1, 2))).clamp(min=0),
        known=torch.from_numpy(patches.known),
    )


def _random_position(position: Tensor, log_scale: Tensor, draw: Generator) -> Tensor:
    """The crop's size follows the view; place and profile are a little wrong, or not given at all."""
    position = position.clone()
    position[:, 0] += log_scale
    position[:, 1] -= 2 * log_scale / 3
    position[:, 2:PLACE_FEATURES] += PLACE_NOISE * torch.randn(
        position[:, 2:PLACE_FEATURES].shape, generator=draw
    )
    position[:, PLACE_FEATURES:] += PROFILE_NOISE * torch.randn(
        position[:, PLACE_FEATURES:].shape, generator=draw
    )
    position[:, 2:PLACE_FEATURES] *= ~_happens(len(position), NO_PLACE, draw)[:, None]
    position[:, PLACE_FEATURES:] *= ~_happens(len(position), NO_PROFILE, draw)[:, None]
    return position


def _happens(count: int, share: float, draw: Generator) -> Tensor:
    return torch.rand(count, generator=draw) < share


def margin_views(samples: Sequence[Sample], spec: InputSpec, draw: Generator | None = None) -> Batch:
    """The published crops of samples, with a random margin if `draw` is given, and the Dice inside of
    them."""
    boxes = torch.tensor([[b[0], b[1] - 1, b[2], b[3] - 1] for b in map(_crop_box, samples)])
    margins = draw_margins(boxes, draw) if draw is not None else None
    crops, targets = [], []
    for place, sample in enumerate(samples):
        box = boxes[place : place + 1]
        height, width = sample.mask.shape
        if margins is None:
            crops.append(crops_around(box, spec.crop, height, width, sample.scan.pixel_mm))
            margin = torch.full((1, 2), spec.crop.pixels)
        else:
            margin = margins[place : place + 1]
            ends = published_crops(box, margin, height, width).float()
            crops.append(Crops(ends[:, ::2], (ends[:, 1::2] - ends[:, ::2]).clamp(min=1), closed=True))
        mask, truth = (torch.from_numpy(one)[None] for one in (sample.mask, sample.truth))
        targets.append(published_target(mask, truth, margin))
    seen = model_input_of_slices(
        [sample.ct[None] for sample in samples],
        [np.stack((sample.mask, sample.truth)) for sample in samples],
        Crops.concatenate(crops),
        [sample.structure for sample in samples],
        spec,
    )
    shown = seen.images[:, :-1]
    return Batch(
        images=shown,
        position=torch.zeros(len(samples), POSITION_FEATURES),
        structures=seen.structures,
        target=torch.cat(targets),
        mask=mask_channel(shown, spec),
        organ=seen.images[:, -1],
        outside=torch.zeros(len(samples)),
        known=torch.ones(len(samples), dtype=torch.bool),
    )


def _crop_box(sample: Sample) -> tuple[int, int, int, int]:
    assert sample.crop_box is not None, "the recipe draws samples with mask or organ"
    return sample.crop_box


@dataclass(frozen=True)
class Renderer:
    """Makes batches as `recipe` wants them for a network described by `spec`; `cache` holds rows that were
    rendered before."""

    recipe: Recipe
    spec: InputSpec
    cache: PatchCache | None = None

    def varied(self, training_set: TrainingSet, rows: np.ndarray, shrink: int, draw: Generator) -> Batch:
        """As they are trained on."""
        if self.recipe.views == "margin":
            return margin_views(training_set.samples(rows), self.spec, draw)
        return random_views(self._patches(training_set, rows), self.spec, self.spec.size // shrink, draw)

    def plain(self, training_set: TrainingSet, rows: np.ndarray) -> Batch:
        """As scoring would show them."""
        if self.recipe.views == "margin":
            return margin_views(training_set.samples(rows), self.spec)
        return centre_views(self._patches(training_set, rows), self.spec)

    def _patches(self, training_set: TrainingSet, rows: np.ndarray) -> Patches:
        if self.cache is not None:
            return self.cache.patches(rows)
        return render(training_set.samples(rows), self.spec, training_set.sampling)

    def with_cache(self, cache: PatchCache) -> Renderer:
        return replace(self, cache=cache)
