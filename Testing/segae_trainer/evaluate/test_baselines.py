"""Features of shapes whose values are known, and regressors that learn from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segae.errors import InputError
from segae_trainer.data.sample import LabelledScan, Sample, Samples
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.evaluate.baselines import (
    BASELINES,
    INTENSITY_FEATURES,
    MASK_FEATURES,
    fit_baseline,
    intensity_features,
    mask_features,
)
from segae_trainer.evaluate.suites import training_samples


def _mask(mask: np.ndarray, ct: np.ndarray | None = None) -> Sample:
    ct = np.zeros(mask.shape, np.int16) if ct is None else ct
    stack = np.repeat(ct[None], 7, axis=0)
    labels = np.repeat(5 * mask[None].astype(np.uint8), 7, axis=0)
    scan = LabelledScan("case", "patient", stack, labels, (3.0, 2.0, 1.0), frozenset({5}))
    return Sample(scan, 3, 5, mask, "exact", "net")


def _features(mask: np.ndarray) -> dict[str, float]:
    values = mask_features(_mask(mask)).tolist()
    return dict(zip(MASK_FEATURES, values, strict=True))


def test_a_rectangle_has_the_features_of_a_rectangle() -> None:
    mask = np.zeros((20, 40), bool)
    mask[5:9, 10:20] = True
    found = _features(mask)
    assert found["area"] == pytest.approx(np.log(40 * 2.0))
    assert (found["components"], found["largest component"]) == (1, 1)
    assert (found["holes"], found["hole area"], found["filling"]) == (0, 0, 1)
    assert found["aspect"] == pytest.approx(4 / 10)
    assert found["compactness"] == pytest.approx(4 * np.pi * 40 / (np.pi / 4 * 28) ** 2)
    assert found["roughness"] == pytest.approx(4 / 40)  # the cross rounds the corners off
    assert (found["row"], found["column"]) == (pytest.approx(6.5 / 20), pytest.approx(14.5 / 40))
    assert found["slice"] == pytest.approx(0.5)


def test_pieces_and_holes_are_counted() -> None:
    mask = np.zeros((30, 30), bool)
    mask[5:15, 5:15] = True
    mask[8:10, 8:10] = False
    mask[20:22, 20:22] = True
    found = _features(mask)
    assert (found["components"], found["holes"]) == (2, 1)
    assert found["largest component"] == pytest.approx(96 / 100)
    assert found["hole area"] == pytest.approx(4 / 100)


def test_a_mask_at_the_border_of_the_image_has_the_features_of_one_inside() -> None:
    inside, corner = np.zeros((30, 30), bool), np.zeros((30, 30), bool)
    inside[10:15, 10:18], corner[:5, -8:] = True, True
    shape = slice(0, MASK_FEATURES.index("row"))
    one, other = (mask_features(_mask(m))[shape] for m in (inside, corner))
    assert one == pytest.approx(other)


def test_intensities_of_two_flat_tissues_are_theirs() -> None:
    mask = np.zeros((30, 30), bool)
    mask[10:20, 10:20] = True
    ct = np.where(mask, 60, -100).astype(np.int16)
    values = intensity_features(_mask(mask, ct)).tolist()
    found = dict(zip(INTENSITY_FEATURES, values, strict=True))
    assert (found["mean"], found["deviation"], found["50 %"]) == (60, 0, 60)
    assert (found["rim outside"], found["contrast"], found["outliers"]) == (-100, 160, 0)
    assert found["edge"] > 50


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_learns_the_pairs_and_leaves_empty_masks_out(training_set: TrainingSet, name: str) -> None:
    masks = training_samples(training_set)
    filled = [mask for mask in masks if mask.mask.any()]
    found = fit_baseline(name, masks).predict(filled).predicted
    truth = np.array([mask.dice for mask in filled])
    assert np.corrcoef(found, truth)[0, 1] > 0.6
    empty = replace(filled[0], mask=np.zeros_like(filled[0].mask))
    assert np.isnan(fit_baseline(name, masks, most=10).predict([empty]).predicted).all()


def test_the_same_seed_gives_the_same_baseline(training_set: TrainingSet) -> None:
    masks = training_samples(training_set)
    one, other = (fit_baseline("mask features", masks, most=30, seed=1).predict(masks[:20]) for _ in range(2))
    assert np.array_equal(one.predicted, other.predicted, equal_nan=True)


def test_nothing_to_fit_and_an_unknown_name_are_said() -> None:
    with pytest.raises(InputError, match="no mask to fit the baselines on"):
        fit_baseline("intensity", Samples([], lambda entry: entry))
    with pytest.raises(InputError, match='no baseline "colour"; choose from mask features'):
        fit_baseline("colour", Samples([], lambda entry: entry))
