"""What a network is trained on: the Dice it should predict, and the losses that compare both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from segae.inputs.crops import mask_boxes
from segae.models.output import ModelOutput
from segae_trainer.train.recipes import Recipe

if TYPE_CHECKING:
    from segae_trainer.train.render import Batch

UPPER_BOUNDS = (0.3, 0.5, 0.7, 0.9)  # of the true Dice; a bound belongs to the interval below it
WEIGHTS = (7.0, 5.0, 3.0, 2.0, 1.0)


def dice_weights(target: Tensor) -> Tensor:
    """Weight of each true Dice, in the shape and type of `target`."""
    bounds = torch.tensor(UPPER_BOUNDS, device=target.device, dtype=target.dtype)
    weights = torch.tensor(WEIGHTS, device=target.device, dtype=target.dtype)
    return weights[torch.bucketize(target.detach().contiguous(), bounds)]


def weighted_mse(predicted: Tensor, target: Tensor) -> Tensor:
    """mean of w(h) (y - h)^2 over the predicted Dice y (B,) and the true Dice h (B,); a scalar.

    The sum is divided by B, not by the sum of the weights.
    """
    return (dice_weights(target) * (predicted - target) ** 2).mean()


MARGIN = 1e-4


def optimal_pairs(text: Tensor) -> Tensor:
    """Partner (B,) of every sample: the assignment with most cosine similarity in all between `text` (B, D).

    Nobody is paired with itself, so B must be at least 2. The assignment is one to one, but i's partner need
    not have i for a partner.
    """
    from scipy.optimize import linear_sum_assignment

    unit = torch.nn.functional.normalize(text.detach().float(), dim=1)
    similarity = (unit @ unit.T).cpu().numpy().astype(np.float64)
    np.fill_diagonal(similarity, -np.inf)
    _, partners = linear_sum_assignment(similarity, maximize=True)
    return torch.from_numpy(partners).to(text.device)


def ranking_loss(predicted: Tensor, target: Tensor, text: Tensor) -> Tensor:
    """mean over pairs (i, j) of relu(-(y_i - y_j)(h_i - h_j) + 1e-4); a scalar.

    `predicted` y and `target` h are (B,), `text` (B, D) are the vectors of the organs' names. A batch of one
    has no pairs and costs nothing.
    """
    if len(predicted) < 2:
        return predicted.sum() * 0
    partners = optimal_pairs(text)
    agreement = (predicted - predicted[partners]) * (target - target[partners])
    return torch.relu(MARGIN - agreement).mean()


SHARE, LARGEST_DIFFERENCE = 0.5, 0.3


def margin_ranking(predicted: Tensor, target: Tensor) -> Tensor:
    """Each sample (B,) with its neighbour in the batch: the one with the higher true Dice must score
    higher by half the difference, at most .15. Mean of relu(margin - sign(difference) (y_i - y_j))."""
    difference = target - target.roll(1)
    margin = SHARE * difference.abs().clamp(max=LARGEST_DIFFERENCE)
    return functional.relu(margin - difference.sign() * (predicted - predicted.roll(1))).mean()


LEAST_MARGIN = 10  # pixels
_REACH = 256  # pixels; what the published margin leaves of it is split evenly between both sides
_EPSILON = 1e-6

Target = Callable[[Tensor, Tensor, Tensor], Tensor]


def whole_slice_target(masks: Tensor, truths: Tensor, margins: Tensor | None = None) -> Tensor:
    """2 |A and B| / (|A| + |B|) over the whole slice: 1 where both are empty, 0 where one of them is.

    `margins` is not looked at; the two targets are called alike.
    """
    overlap, total = _counts(masks != 0, truths != 0)
    return torch.where(total == 0, torch.ones_like(total), 2 * overlap / total.clamp(min=1))


def published_target(masks: Tensor, truths: Tensor, margins: Tensor) -> Tensor:
    """Dice of what is left after the published crop round the mask, with 1e-6 in the denominator.

    `margins` (B, 2): pixels added above and below, left and right. Truth outside of the crop does not count,
    which flatters masks that are too small: use it to compare with the published figures only.
    """
    masks, truths = masks != 0, truths != 0
    crops = published_crops(mask_boxes(masks), margins, masks.shape[1], masks.shape[2])
    rows, columns = _inside(crops[:, :2], masks.shape[1]), _inside(crops[:, 2:], masks.shape[2])
    inside = rows[:, :, None] & columns[:, None, :]
    overlap, total = _counts(masks & inside, truths & inside)
    return 2 * overlap / (total + _EPSILON)


TARGETS: Mapping[str, Target] = MappingProxyType(
    {"whole_slice": whole_slice_target, "published": published_target}
)


def draw_margins(boxes: Tensor, generator: torch.Generator) -> Tensor:
    """Random margins (B, 2) as in the published training, for boxes (B, 4) as `mask_boxes` returns them.

    Evenly between 10 and half of what is left of 256 pixels, both included.
    """
    extent = torch.stack((boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]), dim=1)
    most = ((_REACH - extent) // 2).clamp(min=LEAST_MARGIN)
    share = torch.rand(most.shape, generator=generator, device=generator.device).to(boxes.device)
    return LEAST_MARGIN + (share * (most - LEAST_MARGIN + 1)).long()


def published_crops(boxes: Tensor, margins: Tensor, height: int, width: int) -> Tensor:
    """First and last row, first and last column (B, 4; ends half-open) of the published crop.

    The box (last row and column included) grows by its margins, then the shorter side grows by half the
    difference at both ends; both times only as far as the slice goes.
    """
    rows = _widened(boxes[:, :2], margins[:, 0], height)
    columns = _widened(boxes[:, 2:], margins[:, 1], width)
    excess = (rows[:, 1] - rows[:, 0]) - (columns[:, 1] - columns[:, 0])
    rows = _widened(rows, (-excess).clamp(min=0) // 2, height)
    columns = _widened(columns, excess.clamp(min=0) // 2, width)
    return torch.cat((rows, columns), dim=1)


def _widened(ends: Tensor, by: Tensor, size: int) -> Tensor:
    return torch.stack(((ends[:, 0] - by).clamp(min=0), (ends[:, 1] + by).clamp(max=size)), dim=1)


def _inside(ends: Tensor, size: int) -> Tensor:
    """(B, size): which rows or columns lie between the ends (B, 2)."""
    index = torch.arange(size, device=ends.device)
    return (index >= ends[:, :1]) & (index < ends[:, 1:])


def _counts(masks: Tensor, truths: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels that both have, and pixels of both added up."""
    overlap = (masks & truths).sum(dim=(1, 2))
    return overlap.float(), (masks.sum(dim=(1, 2)) + truths.sum(dim=(1, 2))).float()


PIXELS = 0.5  # weight of the map of errors, from the architectures that have one
_LEAST = 1e-4


class Cost(NamedTuple):
    """`total` = `mse` + weight * `ranking` (+ the error of the pixels), scalars; `predicted` (B,) is the raw
    predicted Dice."""

    total: Tensor
    mse: Tensor
    ranking: Tensor
    predicted: Tensor


RANKINGS: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = MappingProxyType(
    {
        "optimal pairs": ranking_loss,
        "margin": lambda predicted, target, text: margin_ranking(predicted, target),
    }
)


def cost(output: ModelOutput, batch: Batch, text: Tensor, recipe: Recipe) -> Cost:
    """The squared error of the predicted Dice, and how badly pairs of the batch are ordered. `text` (B, D)
    are the vectors of the batch's names. What other outputs of a `ModelOutput` cost is added here."""
    predicted = output.score.float()
    error = weighted_mse if recipe.weighted else functional.mse_loss
    mse = error(predicted, batch.target)
    ranking = RANKINGS[recipe.ranking](predicted, batch.target, text)
    total = mse + recipe.ranking_weight * ranking
    if output.error_map is not None:
        total = total + PIXELS * pixel_error(output.error_map.float(), batch)
    return Cost(total, mse, ranking, predicted)


def pixel_error(error_map: Tensor, batch: Batch) -> Tensor:
    """Mean binary cross-entropy of the organ's pixels. `error_map` (B, 2, S, S): missing is p (1 - m) and
    extra (1 - p) m for organ p and mask m, so that their difference is p - m."""
    organ = (batch.masks + error_map[:, 0] - error_map[:, 1]).clamp(_LEAST, 1 - _LEAST)
    truth = batch.truths.clamp(0, 1)
    return -(truth * organ.log() + (1 - truth) * (1 - organ).log()).mean()


class Lesson(nn.Module):
    """The network with what it is asked, as one module: batch in, `Cost` out."""

    text_vectors: Tensor

    def __init__(self, network: nn.Module, text_vectors: Tensor, recipe: Recipe) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.register_buffer("text_vectors", text_vectors, persistent=False)

    def forward(self, batch: Batch) -> Cost:
        text = self.text_vectors[batch.structures]
        return cost(self.network(batch.images, text), batch, text, self.recipe)
