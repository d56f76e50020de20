"""Whether a model is worth more than a look at the mask alone: what tells a broken training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segae.errors import ModelError
from segae.models.quality_model import QualityModel
from segae_trainer.data.sample import Samples
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.baselines import fit_baseline
from segae_trainer.evaluate.methods import NetworkMethod
from segae_trainer.evaluate.metrics import mae
from segae_trainer.evaluate.suites import training_samples

BASELINE = "mask features"
MOST_FITTED, MOST_JUDGED = 3000, 1000


def against_mask_features(
    model: str | Path | QualityModel, training_set: TrainingSet, device: str = "auto", split: str = "val"
) -> str:
    """A sentence: the mean absolute errors of a model and of a regression on features of the mask alone,
    which never sees the CT, on masks of `split`; and by how much the model is worse, if it is; or
    that its raw scores are no Dice."""
    samples = _some(training_set, split)
    if not len(samples):
        return f"The split {split} has no masks to compare the model with a regression on mask features."
    truth = np.array([sample.dice for sample in samples])
    method = NetworkMethod(model, device)
    found = method.predict(samples)
    try:
        method.refuse_implausible(found.raw)
    except ModelError as error:
        return f"WARNING: {error}"
    network = found.predicted
    fitted = fit_baseline(BASELINE, training_samples(training_set), most=MOST_FITTED)
    simple = np.clip(fitted.predict(samples).predicted, 0, 1)
    there = np.isfinite(network) & np.isfinite(simple)
    own, other = mae(network[there], truth[there]), mae(simple[there], truth[there])
    figures = f"mean absolute error {own:.3f} against {other:.3f} on {np.count_nonzero(there):,} masks"
    if own < other:
        return f"The model is better than a regression on mask features, which sees no CT: {figures}."
    return (
        f"WARNING: the model is not better than a regression on mask features, which sees no CT: {figures}, "
        f"{own - other:.3f} worse; train longer, or check CTs, masks and names of the training set."
    )


def _some(training_set: TrainingSet, split: str) -> Samples:
    """At most `MOST_JUDGED` masks that have a Dice."""
    rows, table = training_set.rows(split), training_set.table
    rows = rows[(table["mask_pixels"][rows] > 0) & np.isfinite(table["dice"][rows])]
    if len(rows) > MOST_JUDGED:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_JUDGED, replace=False))
    return training_set.samples(rows)
