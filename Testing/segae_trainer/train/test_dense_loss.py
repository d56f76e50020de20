from __future__ import annotations

import math

import pytest
import torch

from segae.models.dense import OUTSIDE_SCALE, DenseOutput
from segae_trainer.train import losses as parts
from segae_trainer.train.losses import dense_loss, margin_ranking
from segae_trainer.train.views import Batch

ONE = torch.ones(1)


def view(organ: torch.Tensor, mask: torch.Tensor, target: float, known: bool = True) -> Batch:
    return Batch(
        torch.zeros(1, 4, 2, 2), torch.zeros(1, 21), torch.tensor([13]), torch.tensor([target]),
        mask[None], organ[None], torch.zeros(1), torch.tensor([known]),
    )  # fmt: skip


def says(logits: torch.Tensor, dice: float, outside: float = 0.0) -> DenseOutput:
    return DenseOutput(logits[None], outside * ONE, dice * ONE, dice * ONE)


WHOLE, HALF, NOTHING = torch.ones(2, 2), torch.tensor([[1.0, 1.0], [0.0, 0.0]]), torch.zeros(2, 2)


def test_pixels_and_overlap_by_hand():
    # p = 1/2 everywhere: entropy log 2; overlap 1 - 2 * 2 / (2 + 4)
    expected = parts.PIXEL * math.log(2) + parts.OVERLAP / 3
    assert dense_loss(says(NOTHING, 0.8), view(WHOLE, WHOLE, 0.8)) == pytest.approx(expected)


def test_both_dice_by_hand():
    base = dense_loss(says(NOTHING, 0.8), view(WHOLE, WHOLE, 0.8))
    off = dense_loss(says(NOTHING, 0.5), view(WHOLE, WHOLE, 0.8))
    assert off - base == pytest.approx((parts.DICE + parts.SCORE) * (0.3 - 0.1 / 2), rel=1e-4)


def test_the_area_outside_counts_on_a_logarithmic_scale():
    shown = view(WHOLE, WHOLE, 0.8)._replace(outside=100 * ONE)
    base, double = (dense_loss(says(NOTHING, 0.8, area), shown) for area in (100, 200))
    faint = 1 / OUTSIDE_SCALE
    difference = math.log((200 / OUTSIDE_SCALE + faint) / (100 / OUTSIDE_SCALE + faint))
    assert double - base == pytest.approx(parts.OUTSIDE * difference**2 / 2, rel=1e-4)


def test_of_a_name_without_masks_only_the_pixels_of_the_mask_count():
    logits = torch.tensor([[-1.0, -1.0], [5.0, 5.0]])  # sure of organ where the mask is not: nobody knows
    expected = parts.PIXEL * math.log(1 + math.exp(-1.0))
    found = dense_loss(says(logits, 0.0, outside=500), view(NOTHING, HALF, 0.0, known=False))
    assert found == pytest.approx(expected, rel=1e-5)


def test_where_mask_and_organ_are_empty_only_pixels_count():
    pair = dense_loss(
        DenseOutput(torch.zeros(2, 2, 2), torch.zeros(2), torch.tensor([0.8, 0.3]), torch.tensor([0.8, 0.9])),
        Batch(
            torch.zeros(2, 4, 2, 2), torch.zeros(2, 21), torch.tensor([13, 13]),
            torch.tensor([0.8, torch.nan]), torch.stack((WHOLE, NOTHING)), torch.stack((WHOLE, NOTHING)),
            torch.zeros(2), torch.tensor([True, True]),
        ),
    )  # fmt: skip
    assert pair == pytest.approx(parts.PIXEL * math.log(2) + parts.OVERLAP / 3)


def test_margin_ranking_by_hand():
    # neighbours: (y0, y1) with h 0 < 1 and (y1, y0) again; margin .15
    wrong = margin_ranking(torch.tensor([0.6, 0.5]), torch.tensor([0.0, 1.0]))
    assert wrong == pytest.approx(0.25)
    assert margin_ranking(torch.tensor([0.2, 0.5]), torch.tensor([0.0, 1.0])) == 0
    assert margin_ranking(torch.tensor([0.2, 0.5]), torch.tensor([0.4, 0.4])) == 0
