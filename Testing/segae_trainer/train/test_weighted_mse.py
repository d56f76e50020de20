"""Weighted MSE against values worked out by hand."""

from __future__ import annotations

import pytest
import torch

from segae_trainer.train.losses import weighted_mse


@pytest.mark.parametrize(
    ("true_dice", "weight"),
    [(0, 7), (0.3, 7), (0.31, 5), (0.5, 5), (0.51, 3), (0.7, 3), (0.71, 2), (0.9, 2), (0.91, 1), (1, 1)],
)
def test_each_interval_of_the_true_dice_has_its_weight_and_includes_its_upper_bound(
    true_dice: float, weight: int
) -> None:
    target = torch.tensor([true_dice])
    assert weighted_mse(target + 0.1, target).item() == pytest.approx(weight * 0.01, abs=1e-6)


def test_a_batch_is_averaged_over_its_samples_and_not_over_its_weights() -> None:
    predicted = torch.tensor([0.5, 0.4, 1.2, -0.1], dtype=torch.float64)
    target = torch.tensor([0.2, 0.6, 0.95, 0.4], dtype=torch.float64)
    # 7*0.09 = 0.63, 3*0.04 = 0.12, 1*0.0625 = 0.0625, 5*0.25 = 1.25; sum 2.0625; / 4
    assert weighted_mse(predicted, target).item() == pytest.approx(0.515625, abs=1e-12)


def test_the_gradient_is_twice_the_weighted_difference_over_the_batch_size() -> None:
    predicted = torch.tensor([0.5, 0.4], requires_grad=True)
    weighted_mse(predicted, torch.tensor([0.2, 0.6])).backward()
    assert predicted.grad is not None
    torch.testing.assert_close(predicted.grad, torch.tensor([2 * 7 * 0.3 / 2, 2 * 3 * -0.2 / 2]))
