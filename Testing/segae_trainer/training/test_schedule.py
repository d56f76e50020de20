from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from segae_trainer.train.recipes import RECIPES, learning_rate, resolve_recipe


def test_the_published_rate_is_that_of_torchs_cosine_annealing_over_the_epochs():
    recipe = RECIPES["published"]
    optimiser = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    annealing = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=30)
    for epoch in range(30):
        for step in (0, 3, 6):
            rate = learning_rate(recipe, epoch * 7 + step, steps_per_epoch=7)
            assert rate == pytest.approx(annealing.get_last_lr()[0], rel=1e-9)
        optimiser.step()
        annealing.step()


def test_ours_rises_in_a_straight_line_and_falls_to_nothing():
    recipe = resolve_recipe("segae", epochs=10, learning_rate=1.0, warm_up=0.1)
    rates = [learning_rate(recipe, step, 10) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 11 for step in range(10)])
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)  # halfway between the end of the rise and the end
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))
    assert rates[99] < 0.001
