from __future__ import annotations

import numpy as np
import pytest

from segae.labels.resolver import resolve
from segae.labels.table import load_structures
from segae_trainer.train.text_vectors import name_vectors, spoken, standardised


def test_standardising_separates_what_is_alike():
    rng = np.random.default_rng(0)
    alike = rng.standard_normal((1, 32)) * 5 + rng.standard_normal((20, 32))
    vectors = standardised(alike.astype(np.float32))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.full(20, np.sqrt(32)), rel=1e-4)
    cosines = vectors @ vectors.T / 32
    assert np.abs(cosines - np.eye(20)).max() < 0.8


def test_the_side_is_said_first():
    assert spoken(resolve("kidney left").structure) == "left kidney"
    assert spoken(resolve("costa 7 right").structure) == "right costa 7"
    assert spoken(resolve("liver").structure) == "liver"


def test_every_row_has_a_vector_and_hard_names_stand_apart():
    table = load_structures()
    vectors = name_vectors(table)
    assert vectors.shape == (len(table), 384)
    assert vectors.isfinite().all()
    names = ("kidney left", "kidney right", "liver")
    left, right, liver = (vectors[resolve(name).structure.index] for name in names)
    assert float(left @ liver) / 384 < float(left @ right) / 384 < 0.9
