"""Masks of any segmenter are taken up as pseudo labels."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from segae.errors import InputError
from segae.files import resource
from segae.geometry.grid import Grid
from segae.io.ct import read_ct
from segae.io.readers import read_image
from segae.labels import resolve
from segae.labels.identify import identify
from segae.labels.table import LabelTable
from segae_trainer.data.index import Index
from segae_trainer.data.scan_files import read_pseudo_label, read_truth, write_nifti
from segae_trainer.pseudo_labels import add_predictions
from segae_trainer.pseudo_labels.prediction import network_orientation, resampled_argmax, write_prediction

SAMPLE = Path(str(resource("SampleData", "totalsegmentator_s0001")))
LIVER, LUNG = (resolve(name).structure.index for name in ("liver", "lung lower lobe left"))


def test_a_label_map_of_table_rows_gives_a_mask_for_each_true_or_predicted_structure(
    index: Index, tmp_path: Path
) -> None:
    for scan in index.scans:
        truth, grid = read_truth(scan)
        truth[truth == LIVER] = LUNG  # the liver is missed and a lung invented
        write_nifti(tmp_path / "net" / f"{scan.name}.nii.gz", truth, grid)
    with pytest.raises(InputError, match=r"Nothing says what the values of .* stand for; give --names"):
        add_predictions(index, tmp_path / "net")
    found = add_predictions(index, tmp_path / "net", names=Path("dap"))
    for scan in found.scans:
        truth, _ = read_truth(scan)
        labels = {label.structure: label for label in scan.pseudo_labels}
        assert {*scan.structures, LUNG} <= labels.keys()
        assert not read_pseudo_label(labels[LIVER])[0].any()
        assert np.array_equal(read_pseudo_label(labels[LUNG])[0], (truth == LIVER) | (truth == LUNG))
    assert found.findings == ()


def test_a_label_map_with_names_in_its_header_is_read_by_them(index: Index, tmp_path: Path) -> None:
    (tmp_path / "ts").mkdir()
    shutil.copy(SAMPLE / "segmentation_multilabel.nii.gz", tmp_path / "ts" / "ras.nii.gz")
    found = add_predictions(index, tmp_path / "ts", "TotalSegmentator")
    scan = next(scan for scan in found.scans if scan.name == "ras")
    liver = next(label for label in scan.pseudo_labels if label.structure == LIVER)
    mask, truth = read_pseudo_label(liver)[0], read_truth(scan)[0] == LIVER
    assert liver.source == "TotalSegmentator"
    assert 2 * np.count_nonzero(mask & truth) / (mask.sum() + truth.sum()) > 0.9
    assert [finding.code for finding in found.findings] == ["PREDICTION_MISSING"]


def test_a_folder_of_binary_files_is_read_by_their_names_and_taken_up_once(
    index: Index, tmp_path: Path
) -> None:
    shutil.copytree(SAMPLE / "segmentations", tmp_path / "other" / "ras")
    once = add_predictions(index, tmp_path / "other")
    twice = add_predictions(once, tmp_path / "other")
    scan = next(scan for scan in twice.scans if scan.name == "ras")
    assert sum(label.structure == LIVER for label in scan.pseudo_labels) == 1
    assert all(scan.pseudo_labels == () for scan in twice.scans if scan.name == "las")


def test_predictions_on_another_grid_or_of_no_scan_are_refused(index: Index, tmp_path: Path) -> None:
    scan = index.scans[0]
    truth, grid = read_truth(scan)
    affine = grid.affine.copy()
    affine[2, 3] += 12
    write_nifti(tmp_path / "off" / f"{scan.name}.nii.gz", truth, Grid(grid.size, affine))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"12\.0 mm away"):
        add_predictions(index, tmp_path / "off")
    with pytest.raises(InputError, match="holds no prediction of"):
        add_predictions(index, tmp_path / "empty")
    with pytest.raises(InputError, match="There is no folder"):
        add_predictions(index, tmp_path / "nowhere")


def test_files_written_for_each_structure_are_recognised_by_their_names(tmp_path: Path) -> None:
    rows = [structure.index for structure in LabelTable.default().offered]
    labels = np.zeros((1, 1, len(rows) + 3), np.uint8)
    labels[0, 0, : len(rows)] = rows
    write_prediction(tmp_path / "scan", labels, Grid((len(rows) + 3, 1, 1), np.eye(4)), LabelTable.default())
    names = [path.name.removesuffix(".nii.gz") for path in (tmp_path / "scan").iterdir()]
    found = [identify(name).structure for name in names]
    assert sorted(structure.index for structure in found if structure is not None) == rows
    assert [path.name for path in tmp_path.iterdir()] == ["scan"]


def test_classes_resampled_one_by_one_give_the_labels_of_all_at_once() -> None:
    import torch

    logits = torch.randn(7, 5, 6, 4, generator=torch.Generator().manual_seed(3))

    def resample(images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(images[None], size=(9, 8, 10), mode="trilinear")[0]

    assert np.array_equal(resampled_argmax(logits, resample), resample(logits).argmax(dim=0).numpy())


def test_the_layout_follows_from_the_name_of_the_target(tmp_path: Path) -> None:
    labels = np.array([[[0, LIVER, LUNG, LIVER]]], np.uint8)
    grid = Grid((4, 1, 1), np.eye(4))
    write_prediction(tmp_path / "scan.nii.gz", labels, grid, LabelTable.default())
    write_prediction(tmp_path / "scan", labels, grid, LabelTable.default())
    assert np.array_equal(read_image(tmp_path / "scan.nii.gz").voxels, labels)
    assert np.array_equal(read_image(tmp_path / "scan" / "liver.nii.gz").voxels, labels == LIVER)


def test_scans_are_predicted_in_the_axis_order_that_nnunet_trains_in(index: Index) -> None:
    from nnunetv2.imageio.nibabel_reader_writer import NibabelIOWithReorient

    for scan in index.scans:
        image, grid = network_orientation(read_ct(scan.ct))
        expected, properties = NibabelIOWithReorient().read_images([str(scan.ct)])
        assert np.array_equal(image, expected)
        assert np.allclose(grid.spacing[::-1], properties["spacing"])
