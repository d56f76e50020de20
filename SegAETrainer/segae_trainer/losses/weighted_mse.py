"""Mean squared error that counts bad masks more, because good ones are the many (arXiv 2406.00327)."""

from __future__ import annotations

import torch
from torch import Tensor

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
