"""Trains a network on a training set, by a recipe."""

from segae_trainer.training.recipes import RECIPES, Recipe, resolve_recipe
from segae_trainer.training.settings import Machine, TrainingSettings

__all__ = ["RECIPES", "Machine", "Recipe", "TrainingSettings", "resolve_recipe"]
