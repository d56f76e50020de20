"""The tests that a model is put to: each turns a split of a training set into masks to judge."""

from segae_trainer.evaluation.suites.registry import SUITES, Suite, build_suite, suites_of, training_masks

__all__ = ["SUITES", "Suite", "build_suite", "suites_of", "training_masks"]
