"""nnU-Net itself, on the bundled sample: planned, trained, stopped, gone on with, and predicted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from segae.errors import Cancelled, InputError
from segae.geometry.orientation import to_orientation
from segae.io.ct import read_ct
from segae.progress import CancelToken, Step, Watch
from segae_trainer.data.index import Index
from segae_trainer.data.scan_files import read_pseudo_label, read_truth
from segae_trainer.pseudo_labels import FineTuning, Workspace, make_pseudo_labels
from segae_trainer.pseudo_labels.fine_tuning import pending
from segae_trainer.pseudo_labels.options import SIZES
from segae_trainer.pseudo_labels.stunet import STUNet


@pytest.fixture
def options(tmp_path: Path) -> FineTuning:
    """STU-Net S from weights made here, two epochs of three batches of 16 x 32 x 32 voxels of 9 mm."""
    torch.manual_seed(0)
    weights = tmp_path / "small.model"
    torch.save({"state_dict": STUNet(1, 105, SIZES["S"]).state_dict()}, weights)
    return FineTuning(
        "S", weights, (1, 2), iterations=3, val_iterations=1, save_every=1,
        patch=(16, 32, 32), spacing=(9.0, 9.0, 9.0), workers=0, device="cpu",
    )  # fmt: skip


def stop_at(stage: str, done: int) -> Watch:
    token = CancelToken()
    return Watch(lambda step: token.cancel() if (step.stage, step.done) == (stage, done) else None, token)


def test_planned_trained_and_predicted_by_nnunet_across_two_interruptions(
    index: Index, options: FineTuning, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "ws")
    with pytest.raises(Cancelled):
        make_pseudo_labels(index, workspace.root, options, watch=stop_at("fine-tuning", 1))
    assert workspace.checkpoints((1, 2)) == ["epoch_0001"]
    assert pending(index, workspace, options, "labels") == ["train", "predict"]
    first = workspace.checkpoint("epoch_0001")
    written = first.stat().st_mtime_ns

    with pytest.raises(Cancelled):
        make_pseudo_labels(index, workspace.root, options, watch=stop_at("predicting", 1))
    assert workspace.checkpoints((1, 2)) == ["epoch_0001", "epoch_0002"]
    assert first.stat().st_mtime_ns == written  # gone on with epoch 2, not begun again
    [done] = workspace.predictions.rglob("*.nii.gz")
    predicted = done.stat().st_mtime_ns

    steps: list[Step] = []
    result = make_pseudo_labels(index, workspace.root, options, watch=Watch(steps.append))
    assert steps[0] == Step("predicting", 0, 3)
    assert done.stat().st_mtime_ns == predicted
    assert list(workspace.root.rglob("*.part")) == []
    check_plan(workspace)
    check_weights(workspace, options)
    check_predictions(index, result)
    assert pending(index, workspace, options, "labels") == []


def check_plan(workspace: Workspace) -> None:
    """Patch and spacing as asked, labels without gaps, and no mirroring in training or prediction."""
    plans = json.loads((workspace.model / "plans.json").read_text())
    plan = plans["configurations"]["3d_fullres"]
    assert plan["patch_size"] == [16, 32, 32]
    assert plan["spacing"] == [9.0, 9.0, 9.0]
    assert plans["image_reader_writer"] == "NibabelIOWithReorient"
    labels = json.loads((workspace.model / "dataset.json").read_text())["labels"]
    assert sorted(labels.values()) == [0, 1, 2, 3, 4]
    debug = json.loads((workspace.model / "fold_0" / "debug.json").read_text())
    assert "Mirror" not in json.dumps(debug)
    assert debug["inference_allowed_mirroring_axes"] == "None"


def check_weights(workspace: Workspace, options: FineTuning) -> None:
    """Training began at the given weights and went on from epoch to epoch."""
    key = "conv_blocks_context.5.0.conv1.weight"
    assert options.weights is not None
    start = torch.load(options.weights, weights_only=True)["state_dict"][key]
    one, two = (
        torch.load(workspace.checkpoint(name), weights_only=True)["network_weights"][key]
        for name in ("epoch_0001", "epoch_0002")
    )
    moved, apart = (one - start).norm() / start.norm(), (two - one).norm()
    assert 0 < moved < 0.5
    assert apart > 0


def check_predictions(index: Index, result: Index) -> None:
    """Each checkpoint gives each scan a label map of table rows on the grid of its CT, and the same one to
    both scans, which differ in their axis order only."""
    for source in ("epoch_0001", "epoch_0002"):
        las, ras = (
            {label.structure: label for label in scan.pseudo_labels if label.source == source}
            for scan in result.scans
        )
        for structure in las.keys() & ras.keys():
            (one, grid), (other, _) = read_pseudo_label(las[structure]), read_pseudo_label(ras[structure])
            assert np.array_equal(to_orientation(one, grid, "RAS")[0], other)
    for scan, before in zip(result.scans, index.scans, strict=True):
        assert {label.source for label in scan.pseudo_labels} == {"epoch_0001", "epoch_0002"}
        for label in scan.pseudo_labels:
            mask, grid = read_pseudo_label(label)
            assert label.structure in before.structures
            assert mask.shape == read_truth(before)[0].shape
            assert np.allclose(grid.affine, read_ct(before.ct).grid.affine, atol=1e-4)


def test_another_index_or_patch_is_not_mixed_into_a_workspace(
    index: Index, options: FineTuning, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "ws")
    workspace.root.mkdir()
    workspace.prepared.write_text("{}")
    with pytest.raises(InputError, match="choose another folder"):
        make_pseudo_labels(index, workspace.root, options)


def test_an_index_without_validation_scan_is_refused(
    index: Index, options: FineTuning, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no validation scan"):
        make_pseudo_labels(Index(index.of("train"), (), 1), tmp_path / "ws", options)
