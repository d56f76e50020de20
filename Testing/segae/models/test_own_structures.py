"""A model that brings structures beyond the 145 rows: its masks are named, scored and merged by them."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
import torch

from segae.batch.merge import merge
from segae.batch.runner import run_batch
from segae.errors import ModelError
from segae.inputs.spec import InputSpec
from segae.io.layouts import find_cases
from segae.io.segmentation import read_segmentation
from segae.labels.structure import Structure
from segae.labels.table import LabelTable
from segae.models.checkpoint import Checkpoint, save_checkpoint
from segae.models.quality_model import QualityModel
from segae.models.registry import build_network, new_spec
from segae.scoring.options import ScoringOptions
from segae.scoring.score import score
from segae.scoring.scorer import Scorer

OWN = LabelTable.default().extended(
    [
        Structure(145, "mesorectum", synonyms=("perirectal fat",), snomed=("78133004", "")),
        Structure(150, "lymph node axillary left", "left"),
    ]
)


def save(path: Path, own: object) -> Path:
    torch.manual_seed(3)
    more = {"input": InputSpec(size=32), "own_structures": own}
    spec = new_spec("tiny", "segae-published", "resnet18", 16, **more)
    save_checkpoint(Checkpoint(spec, build_network(spec).state_dict(), torch.randn(151, 16)), path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("own") / "own.safetensors", tuple(OWN.to_json()))


@pytest.fixture
def masks(tmp_path: Path, sample_dir: Path) -> Path:
    """The liver's mask under three names: the table's, a synonym and the code of own structures."""
    folder = tmp_path / "s0001" / "segmentations"
    folder.mkdir(parents=True)
    shutil.copy(sample_dir / "ct.nii.gz", folder.parent)
    for name in ("liver", "Perirectal_Fat", "Axillary left lymph node"):
        shutil.copy(sample_dir / "segmentations" / "liver.nii.gz", folder / f"{name}.nii.gz")
    return folder


def test_the_table_of_a_model_comes_back_with_it(model: Path) -> None:
    assert QualityModel.load(model).label_table.structures == OWN.structures
    assert QualityModel.load("bundled").label_table is LabelTable.default()


def test_masks_of_own_structures_are_named_and_scored(model: Path, masks: Path, sample_dir: Path) -> None:
    report = score(sample_dir / "ct.nii.gz", masks, model=model, slices=2, device="cpu")
    found = {one.segment: (one.structure_index, one.structure) for one in report.segments}
    assert found == {
        "Axillary left lymph node": (150, "lymph node axillary left"),
        "Perirectal_Fat": (145, "mesorectum"),
        "liver": (13, "liver"),
    }
    assert all(len(one.slices) == 2 for one in report.segments)
    unknown = {s.name for s in read_segmentation(masks).segments if s.structure is None}
    assert unknown == {"Axillary left lymph node", "Perirectal_Fat"}


def test_a_batch_has_a_column_for_each_own_structure_that_it_met(
    model: Path, masks: Path, tmp_path: Path
) -> None:
    result = run_batch(
        find_cases(masks.parent), tmp_path / "out", Scorer(model, device="cpu"), ScoringOptions(slices=1)
    )
    assert result.failed == ()
    merge(tmp_path / "out")
    with (tmp_path / "out" / "scores_wide.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["mesorectum"] and row["lymph node axillary left"] and row["liver"]
    assert len(row) == 1 + 144 + 2


@pytest.mark.parametrize("own", [[{"name": "x"}], [{"index": "many", "name": "x"}], [3]])
def test_a_damaged_table_in_a_file_is_told(tmp_path: Path, own: object) -> None:
    with pytest.raises(ModelError, match="is damaged"):
        QualityModel.load(save(tmp_path / "bad.safetensors", own))
