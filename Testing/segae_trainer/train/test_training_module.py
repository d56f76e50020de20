"""What a batch costs, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segae.inputs.position import POSITION_FEATURES
from segae.models.dense import DenseNetwork
from segae.models.output import ModelOutput
from segae.models.registry import build_network
from segae_trainer.train.loop import moving_average
from segae_trainer.train.losses import TrainingModule, dense_loss
from segae_trainer.train.recipes import RECIPES
from segae_trainer.train.views import Batch

PREDICTED = torch.tensor([0.9, 0.2, 0.6])
TARGET = torch.tensor([0.8, 0.4, 0.7])
# Three samples: without self-pairs there are two assignments, 0->1->2->0 and its inverse, of the same pairs.
TEXT = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 0.1], [0.5, 1.0]])
EMPTY = torch.zeros(3, 8, 8)
BATCH = Batch(
    torch.zeros(3, 2, 8, 8), torch.zeros(3, 0), torch.tensor([1, 2, 3]), TARGET, EMPTY, EMPTY,
    torch.zeros(3), torch.ones(3, dtype=torch.bool),
)  # fmt: skip


class Says(nn.Module):
    """A network with an opinion of its own."""

    def __init__(self, score: torch.Tensor) -> None:
        super().__init__()
        self.score = score

    def forward(self, images: torch.Tensor, text: torch.Tensor) -> ModelOutput:
        return ModelOutput(self.score)


def cost(score: torch.Tensor):
    return TrainingModule(Says(score), TEXT, RECIPES["published"])(BATCH)


def test_the_published_cost_by_hand():
    found = cost(PREDICTED)
    # weights of .8, .4, .7: 2, 5, 3; squared errors .01, .04, .01
    mse = (2 * 0.01 + 5 * 0.04 + 3 * 0.01) / 3
    # pairs {0,1}: .7 * .4 = .28; {1,2}: .4 * .3 = .12; {0,2}: .3 * .1 = .03, all in the right order
    assert float(found.mse) == pytest.approx(mse, abs=1e-6)
    assert float(found.ranking) == 0
    assert float(found.total) == pytest.approx(mse, abs=1e-6)


def test_a_pair_in_the_wrong_order_costs_the_published_product():
    found = cost(torch.tensor([0.1, 0.2, 0.6]))
    # {0,1}: -.1 * .4 = -.04; {1,2}: -.4 * -.3 = .12; {0,2}: -.5 * .1 = -.05
    assert float(found.ranking) == pytest.approx((0.04 + 1e-4 + 0.05 + 1e-4) / 3, abs=1e-6)


def test_predictions_in_half_precision_are_compared_in_single():
    assert cost(PREDICTED.half()).total.dtype == torch.float32


@pytest.mark.parametrize("half", [True, False])
def test_the_dense_cost_is_the_dense_loss_in_float32(dense_spec, half):
    torch.manual_seed(0)
    network = build_network(dense_spec).train()
    vectors = torch.randn(145, dense_spec.text_dim)
    draw = torch.Generator().manual_seed(1)
    mask, organ = (torch.rand(2, 4, 32, 32, generator=draw) > 0.6).float()
    batch = Batch(
        torch.randn(4, dense_spec.input.channels, 32, 32, generator=draw), torch.zeros(4, POSITION_FEATURES),
        torch.tensor([5, 6, 7, 8]), torch.tensor([0.2, torch.nan, 0.7, 1.0]), mask, organ,
        torch.rand(4, generator=draw), torch.tensor([True, True, False, True]),
    )  # fmt: skip
    module = TrainingModule(network, vectors, RECIPES["segae"])
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        found = module(batch)
    assert found.total.dtype == torch.float32
    assert found.total.isfinite()
    if not half:
        assert isinstance(network, DenseNetwork)
        out = network.eval().dense(batch.images, vectors[batch.structures], batch.position)
        assert float(module(batch).total) == pytest.approx(float(dense_loss(out, batch)), rel=1e-5)
    found.total.backward()
    assert all(p.grad is None or p.grad.dtype == torch.float32 for p in network.parameters())


def test_the_moving_average_keeps_up_at_the_start_and_forgets_slowly_later():
    network = nn.BatchNorm1d(1)
    nn.init.zeros_(network.weight)
    averaged, expected = moving_average(network, 0.99), 0.0
    for step in range(300):
        nn.init.constant_(network.weight, float(step))
        network.get_buffer("num_batches_tracked").fill_(step)
        averaged.update_parameters(network)
        kept = min(0.99, (1 + step) / (10 + step))
        expected = kept * expected + (1 - kept) * step
        assert float(averaged.module.get_parameter("weight")) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert int(averaged.module.get_buffer("num_batches_tracked")) == 299
