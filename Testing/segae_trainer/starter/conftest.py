"""Two small patients cut from the bundled sample, and a starter model that is small in every way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
import torch
from safetensors.torch import save_file

from segae.data import Segmentation
from segae.inputs.spec import CropRule, InputSpec
from segae.models.registry import new_spec
from segae.models.spec import ModelSpec
from segae_trainer.pseudo_labels.small_unet import SegmenterPlan
from segae_trainer.starter.cases import Case, read_case
from segae_trainer.starter.cohort import Cohort, Member
from segae_trainer.starter.plan import Plan
from segae_trainer.starter.recipe import run_stages
from segae_trainer.starter.training import Recipe

MODEL, CARD = "tiny.safetensors", "card.md"
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
    """Folder with the cases "lower" and "upper", four slices each, a second prediction of "upper", and
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
def case(data: Path) -> Case:
    return read_case(data / "upper")


@pytest.fixture(scope="session")
def lower(data: Path) -> Case:
    return read_case(data / "lower")


@pytest.fixture(scope="session")
def spec() -> ModelSpec:
    """As the starter model, but with a small window and a thin network."""
    crop = CropRule("context", scale=1.35, millimetres=70.0)
    shown = InputSpec(
        size=32, crop=crop, neighbours_mm=(-6.0, 6.0), context_view=4.0, position_features=True
    )  # fmt: skip
    return new_spec("tiny", "segae-dense", "small", 16, input=shown)


@pytest.fixture(scope="session")
def text() -> torch.Tensor:
    """Vectors of the names (145, 16)."""
    return torch.randn(145, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="session")
def plan(data: Path, spec: ModelSpec, text: torch.Tensor, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A plan of two patients and one scan apart, with a handful of steps everywhere."""
    work = tmp_path_factory.mktemp("work")
    save_file({"names": text}, work / "names.safetensors")
    members = (
        Member("lower", "A", "folds"),
        Member("upper", "B", "folds", ("spleen",)),
        Member("apart", "C", "test"),
    )
    return Plan(
        Cohort(members),
        data,
        work,
        spec,
        Recipe(small_steps=3, full_steps=2, small_batch=8, full_batch=8),
        segmenter=SegmenterPlan(kept=(15, 25), batch=2, learning_rate=1e-2),
        fine_repeats=1,
        repeats=1,
        published_steps=2,
    )


@pytest.fixture(scope="session")
def made(plan: Plan) -> Path:
    """The work folder when all stages are done, with the model and its card."""
    run_stages(plan, [], plan.work / MODEL, plan.work / CARD, say=lambda _: None)
    return plan.work
