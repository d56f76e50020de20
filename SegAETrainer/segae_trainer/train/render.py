"""What one step sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from segae.inputs.build import mask_channel, model_input_of_slices, normalise
from segae.inputs.crops import Crops, crops_around
from segae.inputs.spec import CropRule
from segae.models.spec import ModelSpec
from segae_trainer.data.augmentation import ROOM, random_grid, random_intensities
from segae_trainer.data.training_set import SliceExample, TrainingSet
from segae_trainer.train.losses import draw_margins, published_crops, published_target
from segae_trainer.train.recipes import Recipe


class Batch(NamedTuple):
    """`images` (B, channels, S, S) for the network; `structures` (B,) rows of the label table; `target` (B,)
    the Dice to predict; `truths` and `masks` (B, S, S) the share 0..1 of each pixel of the crop that belongs
    to the organ and to the mask."""

    images: Tensor
    structures: Tensor
    target: Tensor
    truths: Tensor
    masks: Tensor


@dataclass(frozen=True)
class Renderer:
    """Makes batches as `recipe` wants them for a network described by `spec`."""

    recipe: Recipe
    spec: ModelSpec

    def varied(self, training_set: TrainingSet, rows: np.ndarray, random: Generator) -> Batch:
        """As they are learned from: with random margin or random view, where the recipe says so."""
        examples = [training_set.slice_of(int(row)) for row in rows]
        boxes = boxes_of(examples)
        margins = draw_margins(boxes, random) if self.recipe.random_margin else None
        if not self.recipe.augment:
            return self._batch(examples, training_set, rows, boxes, margins)
        wide = self._batch(examples, training_set, rows, boxes, margins, room=ROOM)
        grid, _ = random_grid(len(rows), self.spec.input.size, random)
        pictures = torch.cat((wide.images, wide.truths[:, None]), dim=1)
        views = functional.grid_sample(pictures, grid, mode="bilinear", align_corners=False)
        ct = random_intensities(views[:, :-2], random)
        images = normalise(torch.cat((ct, views[:, -2:-1]), dim=1), self.spec.input)
        return wide._replace(images=images, truths=views[:, -1], masks=views[:, -2])

    def plain(self, training_set: TrainingSet, rows: np.ndarray) -> Batch:
        """As scoring would show them."""
        examples = [training_set.slice_of(int(row)) for row in rows]
        return self._batch(examples, training_set, rows, boxes_of(examples), None)

    def _batch(
        self,
        examples: Sequence[SliceExample],
        training_set: TrainingSet,
        rows: np.ndarray,
        boxes: Tensor,
        margins: Tensor | None,
        room: float = 1.0,
    ) -> Batch:
        """Images `room` times as long as the crops, not normalised when there is room."""
        spec = self.spec.input
        structures = [example.structure for example in examples]
        shown = model_input_of_slices(
            [example.ct[None] for example in examples],
            [np.stack((example.mask, example.truth)) for example in examples],
            _crops(examples, boxes, margins, spec.crop),
            structures,
            spec,
            room=room,
            normalised=room == 1,
        )
        images, truths = shown.images[:, :-1], shown.images[:, -1]
        if self.recipe.target == "whole_slice":
            target = torch.from_numpy(training_set.table["dice"][rows].astype(np.float32))
        else:
            if margins is None:
                margins = torch.full((len(boxes), 2), spec.crop.pixels)
            target = _cropped_targets(examples, margins)
        masks = mask_channel(images, spec) if room == 1 else images[:, -1]
        return Batch(images, shown.structures, target, truths, masks)


def boxes_of(examples: Sequence[SliceExample]) -> Tensor:
    """First and last row, first and last column (B, 4; inclusive) of each mask, or of the truth where the
    mask is empty: a slice in which an organ was missed is cut round the organ."""
    boxes = [_box(example.mask if example.mask.any() else example.truth) for example in examples]
    return torch.tensor(boxes)


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def _crops(examples: Sequence[SliceExample], boxes: Tensor, margins: Tensor | None, rule: CropRule) -> Crops:
    """The crop of each example in its own slice."""
    start, length = torch.empty(len(boxes), 2), torch.empty(len(boxes), 2)
    for (shape, pixel_mm), index in _alike(examples).items():
        if margins is None:
            crops = crops_around(boxes[index], rule, *shape, pixel_mm)
        else:
            ends = published_crops(boxes[index], margins[index], *shape).float()
            crops = Crops(ends[:, ::2], (ends[:, 1::2] - ends[:, ::2]).clamp(min=1), closed=True)
        start[index], length[index] = crops.start, crops.length
    return Crops(start, length, closed=rule.kind == "margin")


def _alike(
    examples: Sequence[SliceExample],
) -> dict[tuple[tuple[int, int], tuple[float, float]], list[int]]:
    """Places of the examples whose slices have the same shape and pixels."""
    groups: dict[tuple[tuple[int, int], tuple[float, float]], list[int]] = {}
    for place, example in enumerate(examples):
        height, width = example.ct.shape
        groups.setdefault(((height, width), example.pixel_mm), []).append(place)
    return groups


def _cropped_targets(examples: Sequence[SliceExample], margins: Tensor) -> Tensor:
    target = torch.empty(len(examples))
    for index in _alike(examples).values():
        masks, truths = (
            torch.from_numpy(np.stack([getattr(examples[place], name) for place in index]))
            for name in ("mask", "truth")
        )
        target[index] = published_target(masks, truths, margins[index])
    return target
