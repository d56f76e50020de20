"""Masks of every degree of goodness: what STU-Net predicts at different epochs, or what others predicted."""

from segae_trainer.pseudo_labels.fine_tuning import make_pseudo_labels
from segae_trainer.pseudo_labels.made_elsewhere import add_predictions
from segae_trainer.pseudo_labels.options import FineTuning
from segae_trainer.pseudo_labels.workspace import Workspace

__all__ = [
    "FineTuning",
    "Workspace",
    "add_predictions",
    "make_pseudo_labels",
]
