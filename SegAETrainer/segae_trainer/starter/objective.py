"""What the dense network is trained to minimise."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from segae.models.dense import OUTSIDE_SCALE, DenseOutput
from segae_trainer.starter.views import View
from segae_trainer.train.losses import margin_ranking

# Weights of the parts: pull about alike when errors are those of the middle of a training.
PIXEL, OVERLAP, OUTSIDE, DICE, SCORE, RANKING = 2.0, 0.5, 0.3, 0.75, 1.5, 0.5
_SMALL = 0.1  # errors of D and s below this count by their square, larger ones as they are
_FAINT = 1.0 / OUTSIDE_SCALE


def objective(out: DenseOutput, view: View) -> Tensor:
    """Sum of: cross-entropy and soft Dice of the organ's pixels, error of the area outside on a logarithmic
    scale, errors of D and s, and the ranking of the scores within the batch. Absolute errors ask for the
    median of what the Dice may be, squared ones for the mean, which for a good mask that might be a bad one
    is far from either.

    Where a case has no masks of a name, only the pixels of the mask count, which belong to something else.
    Pairs without mask and organ have no Dice and count by their pixels only.
    """
    weight = torch.where(view.known[:, None, None], torch.ones_like(view.mask), view.mask)
    room = weight.sum(dim=(1, 2)).clamp(min=1)
    entropy = functional.binary_cross_entropy_with_logits(out.logits, view.organ, reduction="none")
    pixel = ((entropy * weight).sum(dim=(1, 2)) / room).mean()
    chance = out.logits.sigmoid()
    shared, total = (chance * view.organ).sum((1, 2)), (chance + view.organ).sum((1, 2))
    there = view.known & (view.organ.sum(dim=(1, 2)) > 1)
    overlap = _mean(1 - 2 * shared / total.clamp(min=1), there)
    log_area = (out.outside / OUTSIDE_SCALE + _FAINT).log(), (view.outside / OUTSIDE_SCALE + _FAINT).log()
    outside = _mean(functional.smooth_l1_loss(*log_area, reduction="none"), view.known)
    judged = view.target.isfinite()
    target, soft, scalar = view.target[judged], out.soft_dice[judged], out.scalar[judged]
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
