from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segae.errors import InputError
from segae_trainer.data.find_scans import build_index
from segae_trainer.data.sample import LabelledScan
from segae_trainer.data.scan_files import read_labelled_scan
from segae_trainer.experiments.segmenters import (
    Segmenter,
    SegmenterSettings,
    load_segmenter,
    train_segmenters,
)

SETTINGS = {
    "small-unet": SegmenterSettings(steps=2, early=(0.5,), batch=2, dropout=0.5),
    "swin-unetr": SegmenterSettings(
        network="swin-unetr", steps=1, early=(), batch=1, dropout=0.5, roi=64, features=12,
        spacing_mm=8.0, device="cpu",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def scan(patients: Path) -> LabelledScan:
    return read_labelled_scan(build_index(patients).scans[0])[0]


@pytest.fixture(scope="module", params=SETTINGS)
def trained(request: pytest.FixtureRequest, scan: LabelledScan) -> tuple[SegmenterSettings, Segmenter]:
    """Each kind of segmenter after its last step."""
    settings = SETTINGS[request.param]
    steps = dict(train_segmenters([scan], settings, seed=1))
    assert tuple(steps) == settings.kept
    return settings, steps[settings.steps]


def test_a_segmenter_labels_every_voxel_and_is_the_same_when_it_was_kept(
    trained: tuple[SegmenterSettings, Segmenter], scan: LabelledScan, tmp_path: Path
):
    settings, segmenter = trained
    segmenter.save(tmp_path / "segmenter.pt")
    kept = load_segmenter(tmp_path / "segmenter.pt", settings)
    labels = segmenter.label(scan)
    assert labels.shape == scan.labels.shape and labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, *kept.rows} and set(kept.rows) == set(np.unique(scan.labels)) - {0}
    slices = list(kept.probabilities(scan))
    assert len(slices) == len(scan.ct)
    assert slices[0].shape == (1 + len(kept.rows), *scan.ct.shape[1:])
    assert torch.allclose(slices[0].sum(dim=0), torch.ones(scan.ct.shape[1:]), atol=1e-4)
    assert (kept.label(scan) == labels).all()


def test_dropout_changes_the_probabilities_when_asked_for_only(
    trained: tuple[SegmenterSettings, Segmenter], scan: LabelledScan
):
    _, segmenter = trained

    def middle(dropout: bool) -> torch.Tensor:
        return list(segmenter.probabilities(scan, dropout=dropout))[len(scan.ct) // 2]

    assert not torch.equal(middle(True), middle(True))
    assert torch.equal(middle(False), middle(False))


def test_a_patch_that_is_too_small_for_swin_unetr_is_refused():
    with pytest.raises(InputError, match="SwinUNETR needs patches of 64 voxels or more"):
        SegmenterSettings(network="swin-unetr", roi=32)


def test_scans_without_a_mask_teach_nothing(scan: LabelledScan):
    empty = replace(scan, labels=np.zeros_like(scan.labels))
    with pytest.raises(InputError, match="No annotated mask has a voxel"):
        next(train_segmenters([empty], SETTINGS["small-unet"], seed=1))
