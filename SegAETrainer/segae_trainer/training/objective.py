"""What a prediction costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from segae.models.prediction import Prediction
from segae_trainer.losses import ranking_loss, weighted_mse
from segae_trainer.losses.margin_ranking import margin_ranking
from segae_trainer.training.batch import Batch
from segae_trainer.training.recipes import Recipe

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


def cost(prediction: Prediction, batch: Batch, text: Tensor, recipe: Recipe) -> Cost:
    """The squared error of the predicted Dice, and how badly pairs of the batch are ordered. `text` (B, D)
    are the vectors of the batch's names. What other outputs of a `Prediction` cost is added here."""
    predicted = prediction.dsc.float()
    error = weighted_mse if recipe.weighted else functional.mse_loss
    mse = error(predicted, batch.target)
    ranking = RANKINGS[recipe.ranking](predicted, batch.target, text)
    total = mse + recipe.ranking_weight * ranking
    if prediction.error_map is not None:
        total = total + PIXELS * pixel_error(prediction.error_map.float(), batch)
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
