"""The model file that ships with SegAE, on the sample that ships with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segae.labels.resolver import resolve
from segae.models.catalogue import find_model
from segae.models.quality_model import QualityModel
from segae.scoring.windows import crop_windows, mask_boxes, network_input
from segae_trainer.degrade.place import shift
from segae_trainer.starter.cases import Case


@pytest.fixture(scope="module")
def model() -> QualityModel:
    return QualityModel.load("bundled")


def scores(model: QualityModel, case: Case, masks: np.ndarray, name: str) -> np.ndarray:
    """Predicted Dice of each slice's mask (K, H, W)."""
    stacked = torch.from_numpy(masks)
    windows = crop_windows(mask_boxes(stacked), model.spec.crop, 101, 122, case.pixel_mm)
    images = network_input(torch.from_numpy(case.ct), stacked, windows, model.spec)
    return model.predict(images, [resolve(name).structure.index] * len(masks)).dsc.numpy()


def test_it_is_small_and_says_what_it_is(model):
    assert find_model("bundled").stat().st_size < 25_000_000
    assert model.spec.name == "segae-demo"
    assert model.spec.demonstration
    assert model.identity.demonstration
    assert model.spec.licence == "Apache-2.0"
    assert len(model.spec.limits) >= 5
    assert {"fold-A", "fold-B"} <= set(model.spec.figures)


def test_it_scores_the_names_it_was_trained_on_and_no_others(model):
    assert model.text_vectors.shape == (145, model.spec.text_dim)
    for name in ("liver", "costa 1 left", "hip right", "pulmonary artery", "aorta", "bladder"):
        assert model.knows(resolve(name).structure)
    for name in ("brain", "rectum", "fat"):
        assert not model.knows(resolve(name).structure)


def test_a_good_liver_beats_a_shifted_one_and_one_beside_it(model, case):
    liver = case.labels == resolve("liver").structure.index
    good = scores(model, case, liver, "liver").mean()
    shifted = np.stack([shift(mask, 12, 0) for mask in liver])
    outside = np.stack([shift(mask, 0, 60) for mask in liver])
    assert good > scores(model, case, shifted, "liver").mean() + 0.1
    assert good > scores(model, case, outside, "liver").mean() + 0.2
