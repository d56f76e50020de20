"""The errors that `segae score` draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from segae.data import Segmentation, Volume
from segae.inputs.spec import CropRule, InputSpec
from segae.models.checkpoint import Checkpoint, save_checkpoint
from segae.models.registry import build_network, new_spec
from segae.models.spec import ModelSpec
from segae.report.montage import shown_slices
from segae.scoring.error_map import locate_errors_in
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer

CROP = CropRule("context", scale=1.35, millimetres=70.0)
SHOWN = InputSpec(size=32, crop=CROP, neighbours_mm=(-6.0, 6.0), position_features=True)
DENSE = new_spec("tiny", "segae-dense", "small", 16, input=SHOWN)


def scorer_of(spec: ModelSpec, folder: Path) -> Scorer:
    torch.manual_seed(5)
    path = folder / "tiny.safetensors"
    save_checkpoint(Checkpoint(spec, build_network(spec).state_dict(), torch.randn(145, 16)), path)
    return Scorer(path, device="cpu")


@pytest.fixture
def masks(sample_segmentation: Segmentation) -> Segmentation:
    return Segmentation(tuple(s for s in sample_segmentation.segments if s.name in ("spleen", "liver")))


def test_errors_lie_in_the_slices_that_are_shown(sample_ct: Volume, masks: Segmentation, tmp_path: Path):
    scorer = scorer_of(DENSE, tmp_path)
    report = scorer.score_case(sample_ct, masks, options=ScoringOptions(slices=12))
    shown = shown_slices(report)
    errors = locate_errors_in(scorer, scorer.orient(sample_ct), masks.segments, shown)
    assert errors.keys() == shown.keys() and errors
    for name, parts in errors.items():
        wrong = sum(mask.full_mask().any(axis=(1, 2)).astype(int) for mask in parts)
        assert set(np.flatnonzero(wrong)) <= set(shown[name]) and np.any(wrong)
