from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from segae_trainer.demo.metrics import auroc, figures


def test_figures_by_hand():
    found = figures(np.array([0.2, 0.6, 0.9]), np.array([0.1, 0.5, 0.8]))
    assert found["lcc"] == pytest.approx(1)
    assert found["mae"] == pytest.approx(0.1)
    assert found["bias"] == pytest.approx(0.1)
    assert found["auroc"] == 1
    assert found["n"] == 3


def test_auroc_agrees_with_scikit_learn_ties_included():
    rng = np.random.default_rng(0)
    score, positive = rng.integers(0, 8, 200).astype(float), rng.random(200) < 0.3
    assert auroc(score, positive) == pytest.approx(roc_auc_score(positive, score))


def test_what_is_not_defined_is_nan():
    found = figures(np.array([0.2, 0.6]), np.array([0.9, 0.9]))
    assert np.isnan(found["lcc"])
    assert np.isnan(found["auroc"])
