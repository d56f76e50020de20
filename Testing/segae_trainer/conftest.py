"""Two small patients cut from the bundled sample, as a cohort has them, and a tiny dense network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from segae.data import Segmentation
from segae.inputs.spec import CropRule, InputSpec
from segae.models.registry import new_spec
from segae.models.spec import ModelSpec
from segae_trainer.data.cohort import Member
from segae_trainer.data.sample import LabelledScan
from segae_trainer.data.scan_files import read_labelled_scan

_FIRST, _SLICES = {"lower": 4, "upper": 15}, 4


def _crop(image: SimpleITK.Image, first: int, count: int) -> SimpleITK.Image:
    return image[:, :, first : first + count]


def _image(array: np.ndarray, like: SimpleITK.Image) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(array)
    image.CopyInformation(like)
    return image


@pytest.fixture(scope="session")
def data(
    tmp_path_factory: pytest.TempPathFactory, sample_dir: Path, sample_segmentation: Segmentation
) -> Path:
    """Folder with the scans "lower" and "upper", four slices each, a second prediction of "upper", and
    "apart", three slices with a true liver and a wrong heart."""
    folder = tmp_path_factory.mktemp("data")
    ct = SimpleITK.ReadImage(str(sample_dir / "ct.nii.gz"))
    labels = np.zeros(ct.GetSize()[::-1], np.uint8)
    for segment in sample_segmentation.segments:
        if segment.structure is not None and not segment.is_empty:
            labels[segment.box.slices][segment.voxels()] = segment.structure.index
    whole, moved = _image(labels, ct), _image(np.roll(labels, 1, axis=2), ct)
    for name, first in _FIRST.items():
        (folder / name).mkdir()
        SimpleITK.WriteImage(_crop(ct, first, _SLICES), str(folder / name / "ct.nii.gz"))
        SimpleITK.WriteImage(_crop(whole, first, _SLICES), str(folder / name / "labels_dap.nii.gz"))
    SimpleITK.WriteImage(
        _crop(moved, _FIRST["upper"], _SLICES), str(folder / "upper" / "pred_moved_dap.nii.gz")
    )
    (folder / "apart").mkdir()
    liver = _image(np.where(labels == 13, labels, 0).astype(np.uint8), ct)
    heart = np.zeros((3, *labels.shape[1:]), np.uint8)
    heart[1, 40:50, 40:50] = 1
    apart = _crop(ct, 12, 3)
    images = {"ct": apart, "labels_dap": _crop(liver, 12, 3), "bad_heart": _image(heart, apart)}
    for name, image in images.items():
        SimpleITK.WriteImage(image, str(folder / "apart" / f"{name}.nii.gz"))
    return folder


@pytest.fixture(scope="session")
def upper(data: Path) -> LabelledScan:
    return read_labelled_scan(Member("upper", "B", "folds").scan(data, "train"))[0]


@pytest.fixture(scope="session")
def lower(data: Path) -> LabelledScan:
    return read_labelled_scan(Member("lower", "A", "folds").scan(data, "train"))[0]


@pytest.fixture(scope="session")
def dense_spec() -> ModelSpec:
    """As the model that ships, but with a small crop and a thin network."""
    shown = InputSpec(
        size=32, crop=CropRule("context", scale=1.35, millimetres=70.0), neighbours_mm=(-6.0, 6.0),
        context_view=4.0, position_features=True,
    )  # fmt: skip
    return new_spec("tiny", "segae-dense", "small", 16, input=shown)
