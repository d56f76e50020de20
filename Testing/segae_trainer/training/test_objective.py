from __future__ import annotations

import math

import pytest
import torch

from segae.models.output import ModelOutput
from segae_trainer.train.losses import cost, pixel_error
from segae_trainer.train.recipes import RECIPES
from segae_trainer.train.render import Batch

PREDICTED = torch.tensor([0.9, 0.2, 0.6])
TARGET = torch.tensor([0.8, 0.4, 0.7])
# Three samples: without self-pairs there are two assignments, 0->1->2->0 and its inverse, of the same pairs.
TEXT = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.5, 1.0]])
EMPTY = torch.zeros(3, 8, 8)
BATCH = Batch(torch.zeros(3, 2, 8, 8), torch.tensor([1, 2, 3]), TARGET, EMPTY, EMPTY)


def test_the_published_cost_by_hand():
    found = cost(ModelOutput(PREDICTED), BATCH, TEXT, RECIPES["published"])
    # weights of .8, .4, .7: 2, 5, 3; squared errors .01, .04, .01
    mse = (2 * 0.01 + 5 * 0.04 + 3 * 0.01) / 3
    # pairs {0,1}: .7 * .4 = .28; {1,2}: .4 * .3 = .12; {0,2}: .3 * .1 = .03, all in the right order
    assert float(found.mse) == pytest.approx(mse, abs=1e-6)
    assert float(found.ranking) == 0
    assert float(found.total) == pytest.approx(mse, abs=1e-6)


def test_a_pair_in_the_wrong_order_costs_the_published_product():
    wrong = torch.tensor([0.1, 0.2, 0.6])
    found = cost(ModelOutput(wrong), BATCH, TEXT, RECIPES["published"])
    # {0,1}: -.1 * .4 = -.04; {1,2}: -.4 * -.3 = .12; {0,2}: -.5 * .1 = -.05
    assert float(found.ranking) == pytest.approx((0.04 + 1e-4 + 0.05 + 1e-4) / 3, abs=1e-6)


def test_our_cost_by_hand():
    found = cost(ModelOutput(PREDICTED), BATCH, TEXT, RECIPES["segae"])
    mse = (0.01 + 0.04 + 0.01) / 3
    # neighbours (0,2), (1,0), (2,1): differences .1, -.4, .3, margins .05, .15, .15; found .3, -.7, .4
    assert float(found.mse) == pytest.approx(mse, abs=1e-6)
    assert float(found.ranking) == pytest.approx(0, abs=1e-6)
    closer = cost(ModelOutput(torch.tensor([0.62, 0.5, 0.6])), BATCH, TEXT, RECIPES["segae"])
    # found .02, -.12, .1
    ranking = (0.03 + 0.03 + 0.05) / 3
    assert float(closer.ranking) == pytest.approx(ranking, abs=1e-6)
    assert float(closer.total) == pytest.approx(float(closer.mse) + 0.3 * ranking, abs=1e-6)


def test_predictions_in_half_precision_are_compared_in_single():
    found = cost(ModelOutput(PREDICTED.half()), BATCH, TEXT, RECIPES["segae"])
    assert found.total.dtype == torch.float32


def test_the_error_of_the_pixels_is_least_where_the_map_says_what_is_missing_and_what_is_extra() -> None:
    mask, truth = torch.zeros(1, 2, 2), torch.zeros(1, 2, 2)
    mask[0, 0], truth[0, :, 0] = 1, 1  # one pixel shared, one missing, one extra, one neither
    batch = BATCH._replace(truths=truth, masks=mask)
    right = torch.stack((truth * (1 - mask), (1 - truth) * mask), dim=1)
    half = torch.stack((0.5 * (1 - mask), 0.5 * mask), dim=1)
    assert float(pixel_error(right, batch)) == pytest.approx(1e-4, rel=1e-2)
    assert float(pixel_error(half, batch)) == pytest.approx(math.log(2))
    assert float(pixel_error(right.flip(1), batch)) > 4
