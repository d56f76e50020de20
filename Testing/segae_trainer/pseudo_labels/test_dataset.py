"""The raw data set is what nnU-Net asks for, also after an interruption."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae.errors import Cancelled
from segae.io.readers import read_image
from segae.labels import by_index
from segae.progress import CancelToken, Watch
from segae_trainer.data.index import Index
from segae_trainer.data.scan_files import read_truth
from segae_trainer.pseudo_labels import Workspace
from segae_trainer.pseudo_labels.workspace import ROWS, write_dataset


def check(index: Index, workspace: Workspace) -> None:
    """Labels are numbered without gaps, and each number stands for the voxels of its structure."""
    content = json.loads((workspace.raw / "dataset.json").read_text())
    rows = content[ROWS]
    assert content["labels"] == {"background": 0} | {
        by_index(row).name: n for n, row in enumerate(rows) if row
    }
    assert json.loads((workspace.raw / "splits_final.json").read_text()) == [
        {"train": ["ras"], "val": ["las"]}
    ]
    for scan in index.scans:
        case = content["dataset"][scan.name]
        truth = read_truth(scan)[0]
        stored = np.array(rows)[read_image(Path(case["label"])).voxels]
        assert case["images"] == [str(scan.ct)]
        assert np.array_equal(stored, np.where(np.isin(truth, scan.structures), truth, 0))


def test_labels_are_numbered_without_gaps_and_cts_stay_where_they_are(index: Index, tmp_path: Path) -> None:
    write_dataset(index, Workspace(tmp_path), Watch())
    check(index, Workspace(tmp_path))
    assert not (Workspace(tmp_path).raw / "imagesTr").exists()


def test_labels_of_an_interrupted_call_with_other_structures_are_not_mixed_in(
    index: Index, tmp_path: Path
) -> None:
    token = CancelToken()
    watch = Watch(lambda step: token.cancel() if step.done == 0 else None, token)
    fewer = Index(tuple(replace(scan, structures=scan.structures[1:]) for scan in index.scans), (), 1)
    with pytest.raises(Cancelled):
        write_dataset(fewer, Workspace(tmp_path), watch)
    assert len(list(tmp_path.rglob("labelsTr/*.nii.gz"))) == 1
    write_dataset(index, Workspace(tmp_path), Watch())
    check(index, Workspace(tmp_path))
