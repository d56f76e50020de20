from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from segae.errors import InputError
from segae.labels.resolver import resolve
from segae_trainer.starter.cases import coarser, read_case, without


def centre(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask).mean(axis=0)


def test_slices_come_in_las_order(case):
    liver, spleen = (case.labels == resolve(name).structure.index for name in ("liver", "spleen"))
    spine = case.labels == resolve("spinal canal").structure.index
    assert centre(liver)[2] < centre(spleen)[2]  # columns run to the left
    assert centre(spine)[1] < centre(liver)[1]  # rows run to the front
    assert case.ct.shape == case.labels.shape == (4, 101, 122)
    assert case.pixel_mm == pytest.approx((3, 3), abs=0.01)


def test_predictions_and_bad_masks_lie_beside(case, data):
    assert set(case.predictions) == {"moved"}
    assert case.predictions["moved"].shape == case.labels.shape
    heart = resolve("heart").structure.index
    assert read_case(data / "apart").bad_masks[heart].sum() == 100


def test_distrusted_structures_become_background(case):
    liver = resolve("liver").structure.index
    left = without(case, {liver})
    assert not (left.labels == liver).any()
    assert (left.labels[case.labels != liver] == case.labels[case.labels != liver]).all()


def test_a_missing_label_map_is_said(data, tmp_path):
    shutil.copy(data / "upper" / "ct.nii.gz", tmp_path)
    with pytest.raises(InputError, match=r"labels_dap\.nii\.gz"):
        read_case(tmp_path)


def _with_labels(folder: Path, data: Path, change) -> Path:
    shutil.copy(data / "upper" / "ct.nii.gz", folder)
    image = SimpleITK.ReadImage(str(data / "upper" / "labels_dap.nii.gz"))
    SimpleITK.WriteImage(change(image), str(folder / "labels_dap.nii.gz"))
    return folder


def test_another_grid_is_refused(data, tmp_path):
    folder = _with_labels(tmp_path, data, lambda image: image[:, :, :3])
    with pytest.raises(InputError, match="grid"):
        read_case(folder)


def test_labels_outside_of_the_table_are_refused(data, tmp_path):
    folder = _with_labels(tmp_path, data, lambda image: image + 150)
    with pytest.raises(InputError, match=r"0\.\.144"):
        read_case(folder)


def test_a_coarser_case_has_larger_pixels_of_the_same_body(case):
    coarse = coarser(case, 2)
    assert coarse.ct.shape == coarse.labels.shape == (4, 50, 61)
    assert coarse.pixel_mm == pytest.approx((6, 6), abs=0.01)
    assert coarse.ct[0, 10, 20] == pytest.approx(case.ct[0, 20:22, 40:42].mean(), abs=1)
    liver = resolve("liver").structure.index
    assert (coarse.labels == liver).mean() == pytest.approx((case.labels == liver).mean(), rel=0.1)
    assert centre(coarse.labels == liver)[1:] * 2 == pytest.approx(centre(case.labels == liver)[1:], abs=2)
