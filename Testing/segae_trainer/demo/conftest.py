"""Two small patients cut from the bundled sample, in the layout that the trainer reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from segae.data import Segmentation
from segae.models.spec import CropRule, ModelSpec
from segae_trainer.starter.cases import Case, read_case
from segae_trainer.starter.cohort import Cohort, Member


def _crop(image: SimpleITK.Image, first: int, count: int) -> SimpleITK.Image:
    return image[:, :, first : first + count]


@pytest.fixture(scope="session")
def data(
    tmp_path_factory: pytest.TempPathFactory, sample_dir: Path, sample_segmentation: Segmentation
) -> Path:
    """Folder with the cases "lower" and "upper", three slices each, and a second prediction of "upper"."""
    folder = tmp_path_factory.mktemp("data")
    ct = SimpleITK.ReadImage(str(sample_dir / "ct.nii.gz"))
    labels = np.zeros(ct.GetSize()[::-1], np.uint8)
    for segment in sample_segmentation.segments:
        if segment.structure is not None and not segment.is_empty:
            labels[segment.box][segment.voxels()] = segment.structure.index
    label_image = SimpleITK.GetImageFromArray(labels)
    label_image.CopyInformation(ct)
    moved = SimpleITK.GetImageFromArray(np.roll(labels, 1, axis=2))
    moved.CopyInformation(ct)
    for name, first in (("lower", 6), ("upper", 16)):
        (folder / name).mkdir()
        SimpleITK.WriteImage(_crop(ct, first, 3), str(folder / name / "ct.nii.gz"))
        SimpleITK.WriteImage(_crop(label_image, first, 3), str(folder / name / "labels_dap.nii.gz"))
    SimpleITK.WriteImage(_crop(moved, 16, 3), str(folder / "upper" / "pred_moved_dap.nii.gz"))
    heart = np.zeros((3, *labels.shape[1:]), np.uint8)
    heart[1, 40:50, 40:50] = 1
    heart_image = SimpleITK.GetImageFromArray(heart)
    heart_image.CopyInformation(_crop(ct, 6, 3))
    SimpleITK.WriteImage(heart_image, str(folder / "lower" / "bad_heart.nii.gz"))
    return folder


@pytest.fixture(scope="session")
def case(data: Path) -> Case:
    return read_case(data / "upper")


@pytest.fixture(scope="session")
def spec() -> ModelSpec:
    """As the demonstration model, but with a small window."""
    return ModelSpec(
        name="tiny", architecture="segae-published", backbone="resnet18", text_dim=6, input_size=32,
        crop=CropRule("context", scale=1.35, millimetres=70.0), demonstration=True,
    )  # fmt: skip


@pytest.fixture(scope="session")
def cohort() -> Cohort:
    return Cohort((Member("lower", "A", "folds"), Member("upper", "B", "folds", ("spleen",))))
