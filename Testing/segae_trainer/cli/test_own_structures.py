"""A model of structures beyond the 145 rows: they are named once, when the scans are indexed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flat_rows import slices

from segae.cli import main as segae
from segae.labels.table import FIRST_OWN, LabelTable
from segae.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from segae.models.quality_model import QualityModel
from segae.models.registry import find_model
from segae.results.files import read_report
from segae_trainer.data.index import read_index
from segae_trainer.data.training_set import TrainingSet

Train = Callable[..., Any]  # gives the Outcome of conftest.py
TRAINING = (
    "--backbone", "small", "--input-size", 32, "--steps", 3, "--steps", 3, "--batch", 16, "--device", "cpu",
    "--workers", 0,
)  # fmt: skip
TABLE = "name,laterality,synonyms\nparotid left,left,ear gland left\nparotid right,right,\n"


@pytest.fixture
def own_cases(cases: Path) -> Path:
    """The three patients, with a mask that goes by a name beyond the 145 rows."""
    for name in ("s0", "s1", "s2"):
        masks = cases / name / "segmentations"
        (masks / "kidney_left.nii.gz").rename(masks / "parotid_left.nii.gz")
    return cases


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    (tmp_path / "own.csv").write_text(TABLE)
    return tmp_path / "own.csv"


@pytest.fixture
def pairs(segae_train: Train, own_cases: Path, labels: Path, tmp_path: Path) -> Path:
    """The training set, made without naming the table a second time."""
    index = tmp_path / "index.json"
    assert segae_train("index", "--ct", own_cases, "--out", index, "--labels", labels).code == 0
    assert segae_train("training-set", index, tmp_path / "set", "--repeats", 1).code == 0
    return tmp_path / "set"


def test_a_structure_beyond_the_table_is_trained_on_exported_and_scored(
    segae_train: Train, pairs: Path, tmp_path: Path, sample_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training_set = TrainingSet.open(pairs)
    parotid = training_set.label_table.by_index(FIRST_OWN)
    assert (parotid.name, parotid.laterality) == ("parotid left", "left")
    assert FIRST_OWN in training_set.structures and f"{FIRST_OWN},parotid left" in (
        pairs / "statistics.csv"
    ).read_text(encoding="utf-8")

    run, finished, scored = tmp_path / "run", tmp_path / "own.safetensors", tmp_path / "scored"
    assert segae_train("train", pairs, run, *TRAINING).code == 0
    assert segae_train("calibrate", pairs, run, "--split", "test", "--device", "cpu").code == 0
    assert segae_train("export", run, finished).code == 0
    model = QualityModel.load(finished)
    known = model.label_table.by_index(FIRST_OWN)
    assert known == parotid and model.knows(known) and model.trained_on(known)
    other_side = model.label_table.by_index(FIRST_OWN + 1)
    assert model.knows(other_side) and not model.trained_on(other_side)

    mask = tmp_path / "masks" / "ear_gland_left.nii.gz"  # a synonym of the table
    mask.parent.mkdir()
    mask.write_bytes((sample_dir / "segmentations" / "kidney_left.nii.gz").read_bytes())
    arguments = ["score", sample_dir / "ct.nii.gz", mask.parent, "--model", finished, "--out", scored]
    monkeypatch.setattr(sys, "argv", ["segae", *map(str, arguments), "--device", "cpu"])
    with pytest.raises(SystemExit) as ended:
        segae()
    assert ended.value.code == 0
    report = read_report(scored / "report.json")
    assert {(row.structure_index, row.structure) for row in slices(report)} == {(FIRST_OWN, "parotid left")}
    assert "NAME_NOT_TRAINED" not in {finding.code for finding in report.findings}


def test_without_the_table_the_mask_is_left_out(segae_train: Train, own_cases: Path, tmp_path: Path) -> None:
    assert segae_train("index", "--ct", own_cases, "--out", tmp_path / "index.json").code == 0
    assert all(FIRST_OWN not in scan.structures for scan in read_index(tmp_path / "index.json").scans)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("150,hepar,", 'calls a structure "hepar", which means "liver" (row 13) already'),
        ("13,parotid left,", 'gives the index 13 to "parotid left", but it is that of "liver"'),
        ("300,parotid left,", 'gives "parotid left" the index 300'),
        ("150,parotid/left,", 'leave out the "/"'),
    ],
)
def test_a_table_that_clashes_or_does_not_fit_is_refused_before_a_scan_is_opened(
    segae_train: Train, own_cases: Path, tmp_path: Path, line: str, sentence: str
) -> None:
    table = tmp_path / "own.csv"
    table.write_text(f"index,name,laterality\n{line}\n")
    refused = segae_train("index", "--ct", own_cases, "--out", tmp_path / "index.json", "--labels", table)
    assert sentence in refused.refusal()
    assert not (tmp_path / "index.json").exists()


def test_a_model_that_means_another_structure_by_an_index_is_refused(
    segae_train: Train, pairs: Path, tmp_path: Path, labels: Path
) -> None:
    labels.write_text("name\nlymph node\n", encoding="utf-8")
    other = tmp_path / "other.safetensors"
    found = load_checkpoint(find_model("bundled"))
    spec = replace(found.spec, own_structures=tuple(LabelTable.read(labels).to_json()))
    save_checkpoint(Checkpoint(spec, found.weights, found.text_vectors), other)
    refused = segae_train("evaluate", pairs, "--model", other, "--out", tmp_path / "page", "--device", "cpu")
    assert 'Label 145 is "parotid left" in the training set and "lymph node" in the model' in (
        refused.refusal()
    )
    begun = segae_train("train", pairs, tmp_path / "run", *TRAINING, "--weights", other)
    assert 'Label 145 is "parotid left" in the training set' in begun.refusal()
