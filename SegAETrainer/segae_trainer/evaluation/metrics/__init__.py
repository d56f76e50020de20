"""How well predicted Dice agrees with true Dice.

A measure takes predicted (N,) and true (N,) Dice and returns a number, NaN where it is not defined: too few
rows, or values that do not vary where they must.
"""

from segae_trainer.evaluation.metrics.table import METRICS, Metric, compute, metric_named

__all__ = ["METRICS", "Metric", "compute", "metric_named"]
