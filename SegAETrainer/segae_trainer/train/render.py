"""What one step sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from segae.inputs.crops import Windows, crop_windows, cut, network_input
from segae.models.spec import CropRule, ModelSpec
from segae_trainer.data.augmentation import normalised, random_grid, random_intensities, wide_spec
from segae_trainer.data.training_set import SliceExample, TrainingSet
from segae_trainer.train.losses import draw_margins, published_crops, published_target
from segae_trainer.train.recipes import Recipe


class Batch(NamedTuple):
    """`images` (B, channels, S, S) for the network; `structures` (B,) rows of the label table; `target` (B,)
    the Dice to predict; `truths` and `masks` (B, S, S) the share 0..1 of each window pixel that belongs to
    the organ and to the mask."""

    images: Tensor
    structures: Tensor
    target: Tensor
    truths: Tensor
    masks: Tensor


AIR = -1024
CHUNK = 16


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
            return self._batch(examples, training_set, rows, boxes, margins, self.spec)
        wide = self._batch(examples, training_set, rows, boxes, margins, wide_spec(self.spec))
        grid, _ = random_grid(len(rows), self.spec.input_size, random)
        pictures = torch.cat((wide.images, wide.truths[:, None]), dim=1)
        views = functional.grid_sample(pictures, grid, mode="bilinear", align_corners=False)
        ct = random_intensities(views[:, :-2], random)
        images = normalised(torch.cat((ct, views[:, -2:-1]), dim=1), self.spec)
        return wide._replace(images=images, truths=views[:, -1], masks=views[:, -2])

    def plain(self, training_set: TrainingSet, rows: np.ndarray) -> Batch:
        """As scoring would show them."""
        examples = [training_set.slice_of(int(row)) for row in rows]
        return self._batch(examples, training_set, rows, boxes_of(examples), None, self.spec)

    def _batch(
        self,
        examples: Sequence[SliceExample],
        training_set: TrainingSet,
        rows: np.ndarray,
        boxes: Tensor,
        margins: Tensor | None,
        spec: ModelSpec,
    ) -> Batch:
        windows = _windows(examples, boxes, margins, spec.crop)
        images, truths = _pictures(examples, windows, spec)
        if self.recipe.target == "whole_slice":
            target = torch.from_numpy(training_set.table["dice"][rows].astype(np.float32))
        else:
            if margins is None:
                margins = torch.full((len(boxes), 2), spec.crop.pixels)
            target = _cropped_targets(examples, margins)
        structures = torch.tensor([example.structure for example in examples])
        return Batch(images, structures, target, truths, _masks(images, spec))


def _masks(images: Tensor, spec: ModelSpec) -> Tensor:
    """The mask channel, 0..1."""
    return images[:, -1] * spec.mask_std + spec.mask_mean


def boxes_of(examples: Sequence[SliceExample]) -> Tensor:
    """First and last row, first and last column (B, 4; inclusive) of each mask, or of the truth where the
    mask is empty: a slice in which an organ was missed is cut round the organ."""
    boxes = [_box(example.mask if example.mask.any() else example.truth) for example in examples]
    return torch.tensor(boxes)


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def _windows(
    examples: Sequence[SliceExample], boxes: Tensor, margins: Tensor | None, crop: CropRule
) -> Windows:
    """The window of each example in its own slice."""
    start, length = torch.empty(len(boxes), 2), torch.empty(len(boxes), 2)
    for (shape, pixel_mm), index in _alike(examples).items():
        if margins is None:
            windows = crop_windows(boxes[index], crop, *shape, pixel_mm)
        else:
            ends = published_crops(boxes[index], margins[index], *shape).float()
            windows = Windows(ends[:, ::2], (ends[:, 1::2] - ends[:, ::2]).clamp(min=1), closed=True)
        start[index], length[index] = windows.start, windows.length
    return Windows(start, length, closed=crop.kind == "margin")


def _alike(
    examples: Sequence[SliceExample],
) -> dict[tuple[tuple[int, int], tuple[float, float]], list[int]]:
    """Places of the examples whose slices have the same shape and pixels."""
    groups: dict[tuple[tuple[int, int], tuple[float, float]], list[int]] = {}
    for place, example in enumerate(examples):
        height, width = example.ct.shape
        groups.setdefault(((height, width), example.pixel_mm), []).append(place)
    return groups


def _pictures(examples: Sequence[SliceExample], windows: Windows, spec: ModelSpec) -> tuple[Tensor, Tensor]:
    """Images (B, channels, S, S) and truths (B, S, S)."""
    size = spec.input_size
    images = torch.empty(len(examples), spec.channels, size, size)
    truths = torch.empty(len(examples), size, size)
    for part in windows.length.amax(dim=1).argsort().split(CHUNK):
        chosen = Windows(windows.start[part], windows.length[part], windows.closed)
        ct, masks, organs, moved = _canvas([examples[place] for place in part.tolist()], chosen, size)
        images[part] = network_input(ct, masks, moved, spec)
        truths[part] = cut(organs[:, None], moved, size)[:, 0]
    return images, truths


def _canvas(
    examples: Sequence[SliceExample], windows: Windows, size: int
) -> tuple[Tensor, Tensor, Tensor, Windows]:
    """What the windows read of CT, mask and truth (B, H, W each), and the windows therein."""
    tails = (windows.length / size).clamp(min=1.0)
    shapes = np.array([example.ct.shape for example in examples])
    low = (windows.start - tails).floor().long().numpy()
    high = (windows.start + windows.length + tails).ceil().long().numpy()
    first = np.clip(low, 0, shapes - 1)
    last = np.clip(high, first + 1, shapes)
    height, width = (last - first).max(axis=0)
    ct = np.full((len(examples), height, width), AIR, np.int16)
    masks, organs = np.zeros(ct.shape, bool), np.zeros(ct.shape, bool)
    for place, example in enumerate(examples):
        (r0, c0), (r1, c1) = first[place], last[place]
        here = (place, slice(0, r1 - r0), slice(0, c1 - c0))
        ct[here] = example.ct[r0:r1, c0:c1]
        masks[here], organs[here] = example.mask[r0:r1, c0:c1], example.truth[r0:r1, c0:c1]
    moved = Windows(windows.start - torch.from_numpy(first), windows.length, windows.closed)
    return torch.from_numpy(ct), torch.from_numpy(masks), torch.from_numpy(organs), moved


def _cropped_targets(examples: Sequence[SliceExample], margins: Tensor) -> Tensor:
    target = torch.empty(len(examples))
    for index in _alike(examples).values():
        masks, truths = (
            torch.from_numpy(np.stack([getattr(examples[place], name) for place in index]))
            for name in ("mask", "truth")
        )
        target[index] = published_target(masks, truths, margins[index])
    return target
