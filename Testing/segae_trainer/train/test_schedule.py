from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from segae_trainer.train.recipes import RECIPES, Phase, Schedule, resolve_recipe


def test_the_published_rate_is_that_of_torchs_cosine_annealing_over_the_epochs():
    schedule = Schedule.of(RECIPES["published"], 7 * 128 + 5)
    assert (schedule.epoch_steps, schedule.epochs, schedule.steps) == (7, 30, 210)
    optimiser = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    annealing = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=30)
    for epoch in range(30):
        for step in (0, 3, 6):
            rate = schedule.learning_rate(epoch * 7 + step)
            assert rate == pytest.approx(annealing.get_last_lr()[0], rel=1e-9)
        optimiser.step()
        annealing.step()


def schedule_of(*phases: Phase, **changes) -> Schedule:
    return Schedule.of(replace(RECIPES["segae"], phases=phases, **changes), 0)


def test_a_phase_rises_in_a_straight_line_and_falls_to_nothing():
    schedule = schedule_of(Phase(100, 8), learning_rate=1.0, warm_up=0.1)
    rates = [schedule.learning_rate(step) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 11 for step in range(10)])
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)  # halfway between the end of the rise and the end
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))
    assert rates[99] < 0.001


def test_the_rate_rises_and_falls_once_in_each_phase():
    schedule = schedule_of(Phase(100, 8, shrink=2, floor=0.2), Phase(50, 8, peak=0.5))
    top = RECIPES["segae"].learning_rate
    rates = np.array([schedule.learning_rate(step) for step in range(schedule.steps)])
    assert np.argmax(rates) in (4, 5, 6)
    assert rates.max() <= top
    assert rates[99] == pytest.approx(0.2 * top)
    assert 100 < 100 + np.argmax(rates[100:]) <= 104
    assert rates[100:].max() == pytest.approx(0.5 * top, rel=0.05)
    assert rates[-1] < 0.01 * top


def test_a_step_knows_its_phase_and_epochs_end_with_the_training():
    schedule = schedule_of(Phase(5, 8, shrink=2), Phase(6, 4), epoch_steps=4)
    assert [schedule.at(step)[0].batch for step in (0, 4, 5, 10)] == [8, 8, 4, 4]
    assert schedule.at(6) == (schedule.phases[1], 1)
    assert [step for step in range(1, 12) if schedule.ends_epoch(step)] == [4, 8, 11]
    assert schedule.epochs == 3


def test_a_shortened_recipe_keeps_its_proportions():
    short = replace(RECIPES["segae"], phases=(Phase(1000, 8), Phase(260, 8))).shortened(0.5)
    assert [phase.steps for phase in short.phases] == [500, 130]


def test_steps_and_batch_can_be_changed():
    recipe = resolve_recipe("segae", steps=(10, 5), batch=6)
    assert [(phase.steps, phase.batch) for phase in recipe.phases] == [(10, 6), (5, 6)]


def test_epochs_of_a_recipe_by_phases_keep_its_proportions():
    recipe = resolve_recipe("segae", epochs=3)
    assert Schedule.of(recipe, 0).epochs == 3
    assert recipe.phases[0].steps == 2 * recipe.phases[1].steps
