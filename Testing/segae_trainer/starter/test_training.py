from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segae.errors import InputError
from segae.inputs.build import ModelInput
from segae.inputs.position import POSITION_FEATURES
from segae.models.checkpoint import save_checkpoint
from segae.models.quality_model import QualityModel
from segae.models.spec import ModelSpec
from segae.progress import Cancelled, CancelToken, Watch
from segae_trainer.starter.pairs import KINDS
from segae_trainer.starter.pool import Pool, Pools
from segae_trainer.starter.training import Recipe, Run, train

RECIPE = Recipe(small_steps=10, full_steps=6, small_batch=16, full_batch=16, seed=4)


@pytest.fixture(scope="module")
def toy() -> Pools:
    """The organ is a bright square, the mask covers more or less of it; half of the masks are a network's."""
    rng, count = np.random.default_rng(0), 64
    images = np.full((count, 6, 40, 40), 60, np.uint8)
    images[:, :4, 12:28, 12:28] = 200
    images[:, 4:] = 0
    images[:, 5, 12:28, 12:28] = 255
    widths = rng.integers(1, 17, count)
    for image, width in zip(images, widths, strict=True):
        image[4, 12:28, 12 : 12 + width] = 255
    whole = np.full(count, 256, np.float32)
    kinds = np.where(np.arange(count) % 2, KINDS.index("real"), KINDS.index("exact"))
    return Pools(
        [
            Pool(
                images,
                np.zeros((count, POSITION_FEATURES), np.float32),
                rng.integers(2, 145, count),
                (2 * widths / (widths + 16)).astype(np.float32),
                kinds.astype(np.uint8),
                whole,
                np.ones(count, bool),
                np.zeros(count, np.int64),
                whole,
                whole,
            )
        ]
    )


def test_a_few_steps_lower_the_loss(toy: Pools, spec: ModelSpec, text: torch.Tensor):
    run = Run(spec, RECIPE, text, toy)
    losses = [run.advance() for _ in range(RECIPE.steps)]
    assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:4])


class StopAt:
    """A watch that cancels at a step, as a user would."""

    def __init__(self, step: int) -> None:
        token = CancelToken()
        self.watch = Watch(lambda s: token.cancel() if s.done == step - 1 else None, token)


def test_a_stopped_training_goes_on_and_ends_with_the_same_weights(
    toy: Pools, spec: ModelSpec, text: torch.Tensor, tmp_path: Path
):
    recipe = replace(RECIPE, small_steps=3, full_steps=3)
    whole = train(toy, spec, recipe, text, tmp_path / "whole")
    with pytest.raises(Cancelled):
        train(toy, spec, recipe, text, tmp_path / "parts", watch=StopAt(4).watch, keep_every_seconds=0)
    assert 0 < torch.load(tmp_path / "parts" / "run.pt", weights_only=True)["step"] < 6
    parts = train(toy, spec, recipe, text, tmp_path / "parts")
    assert all((whole.weights[key] == value).all() for key, value in parts.weights.items())


def test_a_training_of_another_recipe_is_not_taken_up(
    toy: Pools, spec: ModelSpec, text: torch.Tensor, tmp_path: Path
):
    Run(spec, RECIPE, text, toy).save(tmp_path / "run.pt")
    with pytest.raises(InputError, match="another recipe"):
        train(toy, spec, replace(RECIPE, seed=5), text, tmp_path)


def test_a_trained_checkpoint_is_a_model_that_scores(
    toy: Pools, spec: ModelSpec, text: torch.Tensor, tmp_path: Path
):
    checkpoint = train(toy, spec, replace(RECIPE, small_steps=2, full_steps=1), text, tmp_path)
    assert all(v.dtype in (torch.float16, torch.int64) for v in checkpoint.weights.values())
    save_checkpoint(checkpoint, tmp_path / "tiny.safetensors")
    model = QualityModel.load(tmp_path / "tiny.safetensors")
    images, position = torch.zeros(2, spec.input.channels, 32, 32), torch.zeros(2, POSITION_FEATURES)
    found = model.predict(ModelInput(images, torch.tensor([13, 20]), position))
    assert found.score.isfinite().all()
    assert found.areas is not None
    steps = [line.split(",")[0] for line in (tmp_path / "loss.csv").read_text().splitlines()]
    assert steps == ["3"]


def test_a_batch_has_the_share_of_networks_masks_that_was_asked_for(
    toy: Pools, spec: ModelSpec, text: torch.Tensor
):
    run = Run(spec, replace(RECIPE, real=0.25), text, toy)
    chosen = run._chosen(16)
    assert (toy.kinds[chosen] == KINDS.index("real")).sum() == 4


def test_good_masks_and_wrong_names_are_drawn_more_often_than_they_were_rendered(
    toy: Pools, spec: ModelSpec, text: torch.Tensor
):
    toy.pools[0].kinds[:] = KINDS.index("erode")
    toy.pools[0].kinds[:16], toy.pools[0].kinds[16:32] = KINDS.index("exact"), KINDS.index("wrong name")
    run, counts = Run(spec, RECIPE, text, Pools(toy.pools)), np.zeros(len(KINDS))
    for run.step in range(200):
        counts += np.bincount(toy.pools[0].kinds[run._chosen(16)], minlength=len(KINDS))
    exact, wrong, eroded = (counts[KINDS.index(kind)] for kind in ("exact", "wrong name", "erode"))
    assert exact / eroded == pytest.approx(1.8 / 2, rel=0.15)  # there are twice as many eroded ones
    assert wrong / eroded == pytest.approx(2.5 / 2, rel=0.15)


@pytest.mark.parametrize("bfloat16", [True, False])
def test_a_step_in_either_precision_changes_float32_weights(
    toy: Pools, spec: ModelSpec, text: torch.Tensor, bfloat16: bool
):
    run = Run(spec, replace(RECIPE, bfloat16=bfloat16), text, toy)
    before = run.network.pixel.weight.detach().clone()
    assert math.isfinite(run.advance())
    assert run.network.pixel.weight.dtype == torch.float32
    assert (run.network.pixel.weight != before).any()


def test_the_rate_rises_and_falls_once_in_each_part():
    recipe = Recipe(small_steps=100, full_steps=50)
    rates = np.array([recipe.rate(step) for step in range(recipe.steps)])
    assert np.argmax(rates) in (4, 5, 6)
    assert rates.max() <= recipe.learning_rate
    assert rates[99] == pytest.approx(0.2 * recipe.learning_rate)
    assert 100 < 100 + np.argmax(rates[100:]) <= 104
    assert rates[100:].max() == pytest.approx(recipe.full_rate * recipe.learning_rate, rel=0.05)
    assert rates[-1] < 0.01 * recipe.learning_rate


def test_a_shortened_recipe_keeps_its_proportions():
    short = Recipe(small_steps=1000, full_steps=260).shortened(0.5)
    assert (short.small_steps, short.full_steps) == (500, 130)
