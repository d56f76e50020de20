"""What simple features say about a mask, so that everyone sees what the image and the network add."""

from segae_trainer.evaluation.baselines.regressor import BASELINES, FeatureRegressor, fit_baseline

__all__ = ["BASELINES", "FeatureRegressor", "fit_baseline"]
