"""Ranking within a batch, whatever the organs are: the better mask must score clearly higher."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

SHARE, LARGEST_DIFFERENCE = 0.5, 0.3


def margin_ranking(predicted: Tensor, target: Tensor) -> Tensor:
    """Each sample (B,) with its neighbour in the batch: the one with the higher true Dice must score
    higher by half the difference, at most .15. Mean of relu(margin - sign(difference) (y_i - y_j))."""
    difference = target - target.roll(1)
    margin = SHARE * difference.abs().clamp(max=LARGEST_DIFFERENCE)
    return functional.relu(margin - difference.sign() * (predicted - predicted.roll(1))).mean()
