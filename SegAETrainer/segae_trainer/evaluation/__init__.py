"""How well predicted quality agrees with true quality: figures with intervals, suites, baselines, a page.

`evaluate` needs nothing but a table of predictions; `run.evaluate_models` makes the tables from models and a
training set. The heavy parts are imported from their own files.
"""

from segae_trainer.evaluation.evaluation import Evaluation, difference, evaluate
from segae_trainer.evaluation.predictions import COLUMNS, read_predictions

__all__ = ["COLUMNS", "Evaluation", "difference", "evaluate", "read_predictions"]
