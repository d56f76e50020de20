from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from segae.errors import InputError
from segae.models.checkpoint import save_checkpoint
from segae.models.quality_model import QualityModel
from segae.progress import Cancelled, CancelToken, Watch
from segae_trainer.demo.pool import Pool
from segae_trainer.demo.training import Recipe, Run, train
from segae_trainer.losses.margin_ranking import margin_ranking

RECIPE = Recipe(small_steps=10, full_steps=10, rate_steps=13, batch=16, seed=4)


@pytest.fixture(scope="module")
def text() -> torch.Tensor:
    return torch.randn(145, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def toy() -> Pool:
    """Squares that fit a bright square more or less: Dice can be read off the picture."""
    rng = np.random.default_rng(0)
    images = np.zeros((64, 2, 40, 40), np.uint8)
    targets = rng.random(64).astype(np.float32)
    for image, target in zip(images, targets, strict=True):
        image[0, 12:28, 12:28] = 200
        image[1, 12:28, 12 : 12 + max(1, round(16 * target))] = 255
    return Pool(images, rng.integers(2, 145, 64), targets, np.zeros(64, np.uint8))


def test_twenty_steps_lower_the_loss(toy, spec, text):
    run = Run(spec, RECIPE, text)
    losses = [run.advance(toy) for _ in range(20)]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


class StopAt:
    """A watch that cancels at a step, as a user would."""

    def __init__(self, step: int) -> None:
        token = CancelToken()
        self.watch = Watch(lambda s: token.cancel() if s.done == step - 1 else None, token)


def test_a_stopped_training_goes_on_and_ends_the_same(toy, spec, text, tmp_path):
    recipe = replace(RECIPE, small_steps=3, full_steps=3)
    whole = train(toy, spec, recipe, text, tmp_path / "whole")
    with pytest.raises(Cancelled):
        train(toy, spec, recipe, text, tmp_path / "parts", watch=StopAt(4).watch, keep_every_seconds=0)
    assert 0 < torch.load(tmp_path / "parts" / "run.pt", weights_only=True)["step"] < 6
    parts = train(toy, spec, recipe, text, tmp_path / "parts")
    assert all((whole.weights[key] == value).all() for key, value in parts.weights.items())


def test_a_training_of_another_recipe_is_not_taken_up(toy, spec, text, tmp_path):
    run = Run(spec, RECIPE, text)
    run.save(tmp_path / "run.pt")
    with pytest.raises(InputError, match="another recipe"):
        train(toy, spec, replace(RECIPE, seed=5), text, tmp_path)


def test_a_trained_checkpoint_is_a_model_that_scores(toy, spec, text, tmp_path):
    checkpoint = train(toy, spec, replace(RECIPE, small_steps=2, full_steps=1), text, tmp_path)
    save_checkpoint(checkpoint, tmp_path / "tiny.safetensors")
    model = QualityModel.load(tmp_path / "tiny.safetensors")
    assert model.identity.demonstration
    assert model.predict(torch.zeros(2, 2, 32, 32), [13, 20]).dsc.isfinite().all()
    steps = [line.split(",")[0] for line in (tmp_path / "loss.csv").read_text().splitlines()]
    assert steps == ["3"]


def test_margin_ranking_by_hand():
    # neighbours: (y0, y1) with h 0 < 1 and (y1, y0) again; margin .15
    wrong = margin_ranking(torch.tensor([0.6, 0.5]), torch.tensor([0.0, 1.0]))
    assert wrong == pytest.approx(0.25)
    assert margin_ranking(torch.tensor([0.2, 0.5]), torch.tensor([0.0, 1.0])) == 0
    assert margin_ranking(torch.tensor([0.2, 0.5]), torch.tensor([0.4, 0.4])) == 0


def test_the_rate_rises_and_falls_once_in_each_part():
    recipe = Recipe(small_steps=100, full_steps=50, rate_steps=130)
    rates = np.array([recipe.rate(step) for step in range(recipe.steps)])
    assert np.argmax(rates) in (7, 8)
    assert rates.max() <= recipe.learning_rate
    assert 0 < rates[99] < 0.3 * recipe.learning_rate
    assert 100 <= 100 + np.argmax(rates[100:]) <= 104
    assert rates[100:].max() == pytest.approx(recipe.full_rate * recipe.learning_rate, rel=0.05)
    assert rates[-1] < 0.01 * recipe.learning_rate


def test_a_shortened_recipe_keeps_its_proportions():
    short = Recipe(small_steps=1000, full_steps=260, rate_steps=1300).shortened(0.5)
    assert (short.small_steps, short.full_steps, short.rate_steps) == (500, 130, 650)
