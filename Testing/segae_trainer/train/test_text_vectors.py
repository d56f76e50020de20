from __future__ import annotations

import numpy as np
import pytest
import torch

from segae.labels.resolver import resolve
from segae.labels.structure import Structure
from segae.labels.table import LabelTable
from segae.models.quality_model import QualityModel
from segae_trainer.train.start import name_vectors, spoken, standardised, with_own_names


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
    vectors = name_vectors(LabelTable.default())
    assert vectors.shape == (145, 384)
    assert vectors.isfinite().all()
    names = ("kidney left", "kidney right", "liver")
    left, right, liver = (vectors[resolve(name).structure.index] for name in names)
    assert float(left @ liver) / 384 < float(left @ right) / 384 < 0.9


def test_structures_of_ones_own_get_vectors_beside_those_that_every_model_has():
    own = [Structure(145, "parotid left", "left"), Structure(147, "parotid right", "right")]
    table = LabelTable.default().extended(own)
    vectors = name_vectors(table)
    # Not to the last bit: the encoder adds up in another order for a batch of another size.
    torch.testing.assert_close(vectors[:145], name_vectors(LabelTable.default()), atol=1e-3, rtol=0)
    assert vectors.isfinite().all(dim=1)[145:].tolist() == [True, False, True]
    left, right, liver = (vectors[index] for index in (145, 147, 13))
    assert float(left @ liver) / 384 < float(left @ right) / 384 < 0.95


def test_a_model_to_start_from_keeps_its_vectors_and_gets_those_of_new_structures():
    table = LabelTable.default().extended([Structure(146, "parotid left", "left")])
    bundled = QualityModel.load("bundled").text_vectors
    vectors = with_own_names(bundled, table)
    assert torch.equal(vectors[:145], bundled)
    assert vectors.isfinite().all(dim=1)[145:].tolist() == [False, True]
    others = torch.randn(145, 384)  # by another encoder: nothing that fits can be added
    assert with_own_names(others, table) is others
