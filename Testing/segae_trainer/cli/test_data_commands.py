"""From folders to a training set, by commands that say what they found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
import torch

from segae.io.readers import read_image
from segae_trainer.data.draw_samples import Sampling
from segae_trainer.data.find_scans import build_index
from segae_trainer.data.index import read_index
from segae_trainer.data.training_set import TrainingSet
from segae_trainer.pseudo_labels.options import Size
from segae_trainer.pseudo_labels.stunet import STUNet

Train = Callable[..., Any]  # gives the Outcome of conftest.py
STUNET = (
    "--size", "S", "--keep", 1, "--val-iterations", 1, "--save-every", 1, "--patch", 16, 32, 32,
    "--spacing", 9, 9, 9, "--workers", 0, "--device", "cpu",
)  # fmt: skip


def numbers(text: str, first: str) -> list[str]:
    """The cells of the row of a printed table that begins with `first`."""
    [row] = [line.split() for line in text.splitlines() if line.split()[:1] == [first]]
    return row[1:]


def test_index_tells_scans_by_split_and_every_finding_in_a_sentence(
    segae_train: Train, cases: Path, tmp_path: Path
) -> None:
    (cases / "s2" / "ct.nii.gz").unlink()
    ended = segae_train("index", "--ct", cases, "--out", tmp_path / "out" / "index.json", "--test", "0")
    assert (ended.code, ended.err) == (0, "")
    assert numbers(ended.out, "train") == numbers(ended.out, "val") == ["1", "1", "3", "0"]
    assert f'CT_MISSING "{cases / "s2"}" has no file "ct.nii.gz"; add it' in ended.out
    index = read_index(tmp_path / "out" / "index.json")
    assert sorted(scan.split for scan in index.scans) == ["train", "val"]
    assert (tmp_path / "out" / "index.csv").read_text().count("\n") == 3


def test_the_seed_decides_the_split_and_new_split_overrules_the_one_that_came(
    segae_train: Train, cases: Path, tmp_path: Path
) -> None:
    (cases / "meta.csv").write_text("image_id;split\ns0;train\ns1;val\ns2;test\n")
    path = tmp_path / "index.json"

    def splits(*options: object) -> dict[str, str]:
        assert segae_train("index", "--ct", cases, "--out", path, *options).code == 0
        return {scan.name: scan.split for scan in read_index(path).scans}

    assert splits() == {"s0": "train", "s1": "val", "s2": "test"}
    drawn = [splits("--new-split", "--seed", seed) for seed in range(5)]
    assert len({tuple(split.items()) for split in drawn}) > 1
    assert splits("--new-split", "--seed", 3) == drawn[3]


def test_many_findings_of_a_kind_are_counted_and_where_they_stand_is_told(
    segae_train: Train, cases: Path, tmp_path: Path
) -> None:
    for number in range(10, 15):
        (cases / f"s{number}" / "segmentations").mkdir(parents=True)
    ended = segae_train("index", "--ct", cases, "--out", tmp_path / "index.json")
    assert ended.out.count("CT_MISSING") == 4
    assert f'CT_MISSING 2 more of this kind stand in "{tmp_path / "index.json"}".' in ended.out


def test_predictions_are_taken_up_and_counted_and_scans_without_are_told_once(
    segae_train: Train, indexed: Path, predictions: Path
) -> None:
    for _ in range(2):
        ended = segae_train("add-predictions", indexed, predictions, "--source", "mine")
        assert (ended.code, ended.err) == (0, "")
        assert numbers(ended.out, "mine") == ["2", "4"]
    findings = [finding.code for finding in read_index(indexed).findings]
    assert findings.count("PREDICTION_MISSING") == 1


def test_add_predictions_leaves_the_index_alone_when_another_is_asked_for(
    segae_train: Train, indexed: Path, predictions: Path, tmp_path: Path
) -> None:
    before = indexed.read_bytes()
    ended = segae_train("add-predictions", indexed, predictions, "--out", tmp_path / "other.json")
    assert "PREDICTION_MISSING" in ended.out
    assert indexed.read_bytes() == before
    assert any(scan.pseudo_labels for scan in read_index(tmp_path / "other.json").scans)


def test_a_training_set_is_built_told_and_built_no_second_time(
    segae_train: Train, indexed: Path, predictions: Path, tmp_path: Path
) -> None:
    segae_train("add-predictions", indexed, predictions)
    folder = tmp_path / "set"
    ended = segae_train("training-set", indexed, folder, "--repeats", "2")
    assert (ended.code, ended.err) == (0, "")
    built = TrainingSet.open(folder)
    for split in ("train", "val", "test"):
        assert numbers(ended.out, split)[:3] == ["1", "1", str(len(built.rows(split)))]
    assert built.sampling == Sampling(repeats=2, fine_repeats=2, coarse_repeats=2)
    assert "NOTE s2: no pseudo labels; predict them" in ended.out
    assert segae_train("training-set", indexed, folder, "--repeats", 2).out == ended.out
    assert "another sampling" in segae_train("training-set", indexed, folder).refusal()


def test_the_published_rule_makes_no_synthetic_errors_unless_asked(
    segae_train: Train, indexed: Path, predictions: Path, tmp_path: Path
) -> None:
    segae_train("add-predictions", indexed, predictions)
    for name, options, sources in (
        ("plain", (), {"net"}),
        ("asked", ("--repeats", 1), {"net", "synthetic"}),
    ):
        folder = tmp_path / name
        assert segae_train("training-set", indexed, folder, "--rule", "published", *options).code == 0
        built = TrainingSet.open(folder)
        assert {built.sources[number] for number in np.unique(built.table["source"])} == sources
        assert built.table["overlap"].min() >= 20


def test_the_published_layout_is_written_and_read_back_with_the_same_masks(
    segae_train: Train, indexed: Path, predictions: Path, tmp_path: Path
) -> None:
    segae_train("add-predictions", indexed, predictions)
    ended = segae_train("export-published", indexed, tmp_path / "published")
    assert (ended.code, ended.err) == (0, "")
    written, again = read_index(indexed), build_index(tmp_path / "published", layout="published")
    assert [(s.name, s.split, s.structures) for s in again.scans] == [
        (s.name, s.split, s.structures) for s in written.scans
    ]
    for before, after in zip(written.scans, again.scans, strict=True):
        assert len(before.pseudo_labels) == len(after.pseudo_labels)
        for one, other in zip(
            sorted(before.pseudo_labels, key=lambda label: label.structure),
            sorted(after.pseudo_labels, key=lambda label: label.structure),
            strict=True,
        ):
            assert (one.structure, one.source) == (other.structure, other.source)
            assert np.array_equal(read_image(one.path).voxels != 0, read_image(other.path).voxels != 0)


def test_a_case_without_mask_is_told_and_when_none_is_left_refused(
    segae_train: Train, cases: Path, tmp_path: Path
) -> None:
    for name in ("s0", "s1", "s2"):
        shutil.rmtree(cases / name / "segmentations")
    options = ("--layout", "totalsegmentator", "--out", tmp_path / "index.json")
    line = segae_train("index", "--ct", cases, *options).refusal()
    assert f'"{cases / "s0"}" has no folder "segmentations"; add it' in line
    assert not (tmp_path / "index.json").exists()


def test_masks_on_another_grid_are_told_and_when_none_fits_refused(
    segae_train: Train, cases: Path, tmp_path: Path
) -> None:
    for path in cases.rglob("segmentations/*.nii.gz"):
        image = SimpleITK.ReadImage(str(path))
        image.SetOrigin((500.0, 0.0, 0.0))
        SimpleITK.WriteImage(image, str(path))
    line = segae_train("index", "--ct", cases, "--out", tmp_path / "index.json").refusal()
    assert "does not lie on the grid of the CT" in line
    assert line.endswith("bring the masks to the CT's grid, or the scan is left out.")
    assert str(cases / "s0") in line


def test_a_class_that_is_missing_everywhere_is_refused_when_it_was_asked_for(
    segae_train: Train, cases: Path, tmp_path: Path
) -> None:
    line = segae_train("index", "--ct", cases, "--out", tmp_path / "i.json", "--structure", "brain").refusal()
    assert "None of the 3 scans" in line
    assert "brain" in line


def test_one_patient_only_is_refused(segae_train: Train, cases: Path, tmp_path: Path) -> None:
    for name in ("s1", "s2"):
        shutil.rmtree(cases / name)
    line = segae_train("index", "--ct", cases, "--out", tmp_path / "index.json").refusal()
    assert 'All scans are of one patient ("s0")' in line


def test_a_weights_file_of_something_else_is_refused_before_any_scan_is_touched(
    segae_train: Train, indexed: Path, tmp_path: Path
) -> None:
    torch.save({"state_dict": {"conv.weight": torch.zeros(1)}}, tmp_path / "foreign.model")
    torch.save(STUNet(1, 105, Size(8, 1)).state_dict(), tmp_path / "narrow.model")
    (tmp_path / "text.model").write_text("no weights")
    before = sorted(tmp_path.rglob("*"))
    for name, text in (
        ("foreign.model", "does not fit this STU-Net"),
        ("narrow.model", "choose the size that the file is of"),
        ("text.model", "it is damaged"),
        ("none.model", "There is no weights file"),
    ):
        weights = tmp_path / name
        line = segae_train("pseudo-labels", indexed, tmp_path / "ws", *STUNET, "--weights", weights).refusal()
        assert str(weights) in line
        assert text in line
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("training-set", "{index}", "{tmp}/set", "--repeats", 0), "there is nothing to learn from"),
        (("training-set", "{tmp}/none.json", "{tmp}/set"), "no index"),
        (("training-set", "{index}", "{tmp}"), "holds other files"),
        (("add-predictions", "{index}", "{tmp}/none"), "no folder"),
        (("export-published", "{index}", "{index}"), "is a file"),
        (("pseudo-labels", "{index}", "{tmp}/ws", "--stage", "dream"), 'no stage "dream"'),
        (("index", "--ct", "{tmp}/none", "--out", "{tmp}/i.json"), "no folder"),
        (("index", "--ct", "{tmp}/cases", "--out", "{tmp}/i.csv"), "must be a .json file"),
        (("add-predictions", "{index}", "{tmp}/cases", "--out", "{tmp}/i.csv"), "must be a .json file"),
        (("index", "--ct", "{tmp}/cases", "--out", "{tmp}/i.json", "--val", "1.5"), "parts of 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_ends_in_one_sentence(
    segae_train: Train, indexed: Path, tmp_path: Path, command: tuple[object, ...], text: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    line = segae_train(*(str(part).format(index=indexed, tmp=tmp_path) for part in command)).refusal()
    assert text in line
    assert sorted(tmp_path.rglob("*")) == before


def test_an_index_that_was_edited_into_nonsense_is_refused(segae_train: Train, indexed: Path) -> None:
    content = json.loads(indexed.read_text(encoding="utf-8"))
    del content["scans"][0]["patient"]
    indexed.write_text(json.dumps(content), encoding="utf-8")
    assert "damaged" in segae_train("add-predictions", indexed, indexed.parent).refusal()
