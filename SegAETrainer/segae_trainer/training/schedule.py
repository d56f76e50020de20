"""The learning rate of every step."""

from __future__ import annotations

import math

from segae_trainer.training.recipes import Recipe


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """A straight rise over the first `warm_up` of all steps, then half a cosine down to 0 at the end; with
    `steps_of_rate` "epoch" the rate of an epoch's first step is that of the whole epoch.

    Without warm-up and by epochs this is rate (1 + cos(pi epoch / epochs)) / 2.
    """
    if recipe.steps_of_rate == "epoch":
        step -= step % steps_per_epoch
    total = recipe.epochs * steps_per_epoch
    rise = recipe.warm_up * total
    if step < rise:
        return recipe.learning_rate * (step + 1) / (rise + 1)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / (total - rise)))
