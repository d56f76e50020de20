"""The losses: what the network says against what it should say, and the training module that computes
them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from segae.inputs.crops import mask_boxes
from segae.models.dense import OUTSIDE_SCALE, DenseOutput
from segae_trainer.train.recipes import Recipe

if TYPE_CHECKING:
    from segae_trainer.train.views import Batch

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


# Weights of the dense loss: its parts pull about alike when errors are those of the middle of a training.
PIXEL, OVERLAP, OUTSIDE, DICE, SCORE, RANKING = 2.0, 0.5, 0.3, 0.75, 1.5, 0.5
_SMALL = 0.1  # errors of D and s below this count by their square, larger ones as they are
_FAINT = 1.0 / OUTSIDE_SCALE


def dense_loss(out: DenseOutput, batch: Batch) -> Tensor:
    """Sum of: cross-entropy and soft Dice of the organ's pixels, error of the area outside on a logarithmic
    scale, errors of D and s, and the ranking of the scores within the batch. Absolute errors ask for the
    median of what the Dice may be, squared ones for the mean, which for a good mask that might be a bad one
    is far from either.

    Where a scan has no masks of a name, only the pixels of the mask count, which belong to something else.
    Samples without mask and organ have no Dice and count by their pixels only.
    """
    weight = torch.where(batch.known[:, None, None], torch.ones_like(batch.mask), batch.mask)
    room = weight.sum(dim=(1, 2)).clamp(min=1)
    entropy = functional.binary_cross_entropy_with_logits(out.logits, batch.organ, reduction="none")
    pixel = ((entropy * weight).sum(dim=(1, 2)) / room).mean()
    chance = out.logits.sigmoid()
    shared, total = (chance * batch.organ).sum((1, 2)), (chance + batch.organ).sum((1, 2))
    there = batch.known & (batch.organ.sum(dim=(1, 2)) > 1)
    overlap = _mean(1 - 2 * shared / total.clamp(min=1), there)
    log_area = (out.outside / OUTSIDE_SCALE + _FAINT).log(), (batch.outside / OUTSIDE_SCALE + _FAINT).log()
    outside = _mean(functional.smooth_l1_loss(*log_area, reduction="none"), batch.known)
    scored = batch.target.isfinite()
    target, soft, scalar = batch.target[scored], out.soft_dice[scored], out.scalar[scored]
    score = (soft + scalar) / 2
    return (
        PIXEL * pixel
        + OVERLAP * overlap
        + OUTSIDE * outside
        + DICE * functional.smooth_l1_loss(soft, target, beta=_SMALL)
        + SCORE * functional.smooth_l1_loss(scalar, target, beta=_SMALL)
        + RANKING * margin_ranking(score, target)
    )


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    """Of the chosen values; 0 when there is none."""
    return (values * chosen).sum() / chosen.sum().clamp(min=1)


class Cost(NamedTuple):
    """`total` is minimised; `mse` of the predicted Dice and `ranking` are reported with it. `predicted` (B,):
    raw scores."""

    total: Tensor
    mse: Tensor
    ranking: Tensor
    predicted: Tensor


class TrainingModule(nn.Module):
    """The network with its loss, as one module: batch in, `Cost` out. The loss is computed in float32."""

    text_vectors: Tensor

    def __init__(self, network: nn.Module, text_vectors: Tensor, recipe: Recipe) -> None:
        super().__init__()
        if recipe.loss == "dense":
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = network
        self.recipe = recipe
        self.register_buffer("text_vectors", text_vectors, persistent=False)

    def forward(self, batch: Batch) -> Cost:
        text = self.text_vectors[batch.structures]
        if self.recipe.loss == "dense":
            images = batch.images.contiguous(memory_format=torch.channels_last)
            out = self.network.dense(images, text, batch.position)  # type: ignore[operator]
        else:
            out = self.network(batch.images, text)
        with torch.autocast(batch.images.device.type, enabled=False):
            if isinstance(out, DenseOutput):
                return _dense_cost(out, batch)
            predicted = out.score.float()
            mse, ranking = weighted_mse(predicted, batch.target), ranking_loss(predicted, batch.target, text)
            return Cost(mse + ranking, mse, ranking, predicted)


def _dense_cost(out: DenseOutput, batch: Batch) -> Cost:
    scored = batch.target.isfinite()
    predicted = (out.soft_dice + out.scalar) / 2
    with torch.no_grad():
        error = predicted[scored] - batch.target[scored]
        ranking = margin_ranking(predicted[scored], batch.target[scored])
    return Cost(dense_loss(out, batch), error.square().mean(), ranking, predicted)
