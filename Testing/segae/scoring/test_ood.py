from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from flat_rows import slices

from segae.data import Segmentation, Volume
from segae.inputs.spec import InputSpec
from segae.models.quality_model import QualityModel
from segae.scoring.ood import MEASURES, image_measures, typical_range, unlike, unlike_findings
from segae.scoring.scorer import Scorer

SPEC = InputSpec(size=16)


def images(ct: torch.Tensor) -> torch.Tensor:
    """Inputs (n, 2, S, S) from CT channels 0..1 (n, S, S)."""
    return torch.stack(((ct - SPEC.ct_mean) / SPEC.ct_std, torch.zeros_like(ct)), dim=1)


def test_measures_by_hand():
    half = torch.zeros(1, 16, 16)
    half[:, :, 8:] = 1
    mean, spread, dark, bright, edges = image_measures(images(half), SPEC)[0].tolist()
    assert mean == pytest.approx(0.5)
    assert spread == pytest.approx(0.5, abs=0.01)
    assert (dark, bright) == (0.5, 0.5)
    assert edges == pytest.approx((1 / 15) / 2)  # one of 15 steps along rows, none along columns


def test_nearly_all_training_images_lie_in_the_range():
    measures = np.random.default_rng(0).normal(0, 1, (2000, 5))
    typical = typical_range(measures)
    assert set(typical) == set(MEASURES)
    odd = unlike(torch.from_numpy(measures).float(), typical)
    assert odd.float().mean() < 0.02
    assert unlike(torch.full((1, 5), 9.0), typical).all()


def test_one_measure_outside_is_enough_and_nothing_is_odd_when_nothing_is_known():
    typical = {name: [0.0, 1.0] for name in MEASURES}
    rows = torch.full((2, 5), 0.5)
    rows[1, 3] = 1.1
    assert unlike(rows, typical).tolist() == [False, True]
    assert not unlike(rows, {}).any()


def test_most_masks_odd_is_said_once_of_the_case():
    (finding,) = unlike_findings({"liver": [True, True], "spleen": [True, False], "aorta": [False]}, "m")
    assert finding.code == "UNLIKE_TRAINING"
    assert finding.segments == ()
    assert finding.message.count(".") == 1


def test_a_single_odd_mask_is_named():
    slices = {
        "liver": [True, True, False],
        "spleen": [False],
        "aorta": [False],
        "heart": [True, False, False],
    }
    (finding,) = unlike_findings(slices, "m")
    assert finding.segments == ("liver",)
    assert unlike_findings({"liver": [False]}, "m") == ()


def test_a_scan_of_another_kind_gets_a_finding_and_keeps_its_scores(
    seeing_model: QualityModel, few_organs: Segmentation, sample_ct: Volume
):
    measures: list[np.ndarray] = []

    class Listening(torch.nn.Module):
        def forward(self, images, text, position):
            measures.append(image_measures(images, seeing_model.spec.input).numpy())
            return seeing_model.network(images, text, position)

    listening = QualityModel(seeing_model.spec, Listening(), seeing_model.text_vectors)
    Scorer(listening).score_case(sample_ct, few_organs)
    spec = replace(seeing_model.spec, typical=typical_range(np.concatenate(measures)))
    model = Scorer(QualityModel(spec, seeing_model.network, seeing_model.text_vectors))
    usual = model.score_case(sample_ct, few_organs)
    noise = np.random.default_rng(0).normal(0, 400, sample_ct.voxels.shape)
    odd_ct = Volume((sample_ct.voxels + noise).astype(np.int16), sample_ct.grid)
    odd = model.score_case(odd_ct, few_organs)
    assert "UNLIKE_TRAINING" not in {finding.code for finding in usual.findings}
    assert "UNLIKE_TRAINING" in {finding.code for finding in odd.findings}
    assert len(slices(odd)) == len(slices(usual))
