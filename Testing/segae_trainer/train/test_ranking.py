"""Optimal-pair ranking against values worked out by hand and against all assignments of a small batch."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segae_trainer.train.losses import optimal_pairs, ranking_loss

# Two pairs of similar names: 0 with 2, 1 with 3; lengths differ on purpose, only directions count.
TEXT = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.3], [0.1, 1.0]])


def test_pairs_are_the_most_similar_names_whatever_the_length_of_their_vectors() -> None:
    assert optimal_pairs(TEXT).tolist() == [2, 3, 0, 1]


def test_loss_is_the_mean_over_pairs_worked_out_by_hand() -> None:
    predicted = torch.tensor([0.9, 0.2, 0.5, 0.6], dtype=torch.float64)
    target = torch.tensor([0.4, 0.3, 0.8, 0.8], dtype=torch.float64)
    # (0, 2) both ways: -(0.4)(-0.4) + 1e-4 = 0.1601; (1, 3) both ways: -(-0.4)(-0.5) + 1e-4 < 0
    assert ranking_loss(predicted, target, TEXT).item() == pytest.approx(2 * 0.1601 / 4, abs=1e-12)


def test_equal_values_cost_the_margin() -> None:
    same = torch.full((4,), 0.5)
    assert ranking_loss(same, same, TEXT).item() == pytest.approx(1e-4, abs=1e-9)


def test_gradient_pulls_a_wrongly_ordered_pair_apart_and_leaves_the_others_alone() -> None:
    predicted = torch.tensor([0.9, 0.2, 0.5, 0.6], requires_grad=True)
    ranking_loss(predicted, torch.tensor([0.4, 0.3, 0.8, 0.8]), TEXT).backward()
    assert predicted.grad is not None
    torch.testing.assert_close(predicted.grad, torch.tensor([0.2, 0.0, -0.2, 0.0]))


@given(st.integers(2, 5), st.integers(0, 1000))
def test_no_other_assignment_without_self_pairs_is_more_similar(size: int, seed: int) -> None:
    text = torch.randn(size, 4, generator=torch.Generator().manual_seed(seed))
    unit = torch.nn.functional.normalize(text, dim=1)
    similarity = (unit @ unit.T).double()
    partners = optimal_pairs(text)
    assert all(partner != i for i, partner in enumerate(partners.tolist()))
    sums = [
        sum(similarity[i, j].item() for i, j in enumerate(order))
        for order in permutations(range(size))
        if all(i != j for i, j in enumerate(order))
    ]
    assert similarity[torch.arange(size), partners].sum().item() == pytest.approx(max(sums), abs=1e-5)


def test_a_batch_of_one_has_no_pairs_and_still_lets_gradients_through() -> None:
    predicted = torch.tensor([0.7], requires_grad=True)
    loss = ranking_loss(predicted, torch.tensor([0.1]), TEXT[:1])
    loss.backward()
    assert loss.item() == 0
    assert predicted.grad is not None
    assert predicted.grad.tolist() == [0.0]
