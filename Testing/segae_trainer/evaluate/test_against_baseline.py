"""A model that learned nothing is told apart from one that knows the Dice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate import baselines
from segae_trainer.evaluate.methods import Estimates


def test_a_model_that_learned_nothing_is_told(training_set: TrainingSet, model: Path) -> None:
    text = baselines.against_mask_features(model, training_set, "cpu", "test")
    assert text.startswith("WARNING: the model is not better")
    worse = float(text.split(" worse;")[0].rsplit(" ", 1)[1])
    own, other = (float(word) for word in text.split("error ")[1].split(" on ")[0].split(" against "))
    assert worse == pytest.approx(own - other, abs=0.0011)
    assert worse > 0


def test_a_model_that_knows_the_dice_is_better(
    training_set: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Knows:
        def __init__(self, *_: object) -> None: ...

        def predict(self, samples) -> Estimates:
            return Estimates.of(np.array([sample.dice for sample in samples]))

        def refuse_implausible(self, raw: np.ndarray) -> None:
            assert np.isfinite(raw).all()

    monkeypatch.setattr(baselines, "NetworkMethod", Knows)
    text = baselines.against_mask_features("any", training_set, "cpu", "test")
    assert text.startswith("The model is better")
    assert "0.000 against" in text
