"""What a network is trained on: the Dice it should predict, and the losses that compare both."""

from segae_trainer.losses.ranking import optimal_pairs, ranking_loss
from segae_trainer.losses.targets import TARGETS, published_target, whole_slice_target
from segae_trainer.losses.weighted_mse import weighted_mse

__all__ = [
    "TARGETS",
    "optimal_pairs",
    "published_target",
    "ranking_loss",
    "weighted_mse",
    "whole_slice_target",
]
