"""The layout of the published data set, read and written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from segae.errors import OutputError
from segae.labels import resolve
from segae.labels.structure import Structure
from segae.labels.table import LabelTable
from segae_trainer.data.find_scans import build_index
from segae_trainer.data.index import PseudoLabel, Scan
from segae_trainer.data.published_layout import class_folder, write_published
from segae_trainer.data.scan_files import read_pseudo_label, read_truth

LIVER = resolve("liver").structure.index
SPLEEN = resolve("spleen").structure.index


@pytest.fixture
def scans(ct_file: Path, atlas_mask: Path) -> list[Scan]:
    """Two patients; the pseudo labels are a structure of a label map and a binary file."""
    labels = (
        PseudoLabel(LIVER, "epoch_010", atlas_mask, value=LIVER),
        PseudoLabel(LIVER, "epoch_020", ct_file.parent / "segmentations" / "liver.nii.gz"),
        PseudoLabel(SPLEEN, "epoch_010", atlas_mask, value=SPLEEN),
    )
    first = Scan("AutoPET_aaaaaaaaaa_11111", "aaaaaaaaaa", ct_file, atlas_mask, (), labels, "train")
    folder = ct_file.parent / "segmentations"
    second = replace(first, name="other", patient="other", masks=folder, split="val")
    return [first, second]


def test_what_is_written_is_found_again(scans: list[Scan], tmp_path: Path) -> None:
    write_published(scans, tmp_path)
    index = build_index(tmp_path)
    told = [[(s.name, s.patient, s.split) for s in those] for those in (index.scans, scans)]
    assert told[0] == told[1]
    for written, original in zip(index.scans, scans, strict=True):
        assert np.array_equal(read_truth(written)[0], read_truth(original)[0])
        order = sorted(original.pseudo_labels, key=lambda label: (label.structure != LIVER, label.source))
        pairs = zip(written.pseudo_labels, order, strict=True)
        for label, source in pairs:
            assert (label.structure, label.source) == (source.structure, source.source)
            assert np.array_equal(read_pseudo_label(label)[0], read_pseudo_label(source)[0])


def test_files_are_what_the_published_loader_takes(scans: list[Scan], tmp_path: Path) -> None:
    write_published(scans, tmp_path)
    sample = tmp_path / "train" / "AutoPET_aaaaaaaaaa_11111"
    truth = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(sample / "label.nii.gz")))
    assert SimpleITK.ReadImage(str(sample / "ct.nii.gz")).GetSize() == truth.shape[::-1]
    classes = [path for path in sample.iterdir() if not path.name.endswith(".gz")]
    assert len(classes) == 2
    for folder in classes:
        index = int(folder.name.split("_")[1])
        for path in folder.iterdir():
            mask = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
            assert set(np.unique(mask)) == {0, 1}
            assert np.count_nonzero(mask & (truth == index)) > 20


@pytest.mark.parametrize("structure", LabelTable.default().structures[2:], ids=str)
def test_the_index_follows_the_first_underscore_of_every_class_folder(structure: Structure) -> None:
    assert class_folder(structure).split("_")[1] == str(structure.index)
    assert class_folder(structure).split("_")[0] == structure.name.replace("_", " ")


def test_writing_again_leaves_finished_files_alone(scans: list[Scan], tmp_path: Path) -> None:
    write_published(scans[:1], tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.gz")}
    write_published(scans, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_odd_class_folders_and_incomplete_samples_are_told(scans: list[Scan], tmp_path: Path) -> None:
    write_published(scans, tmp_path)
    (tmp_path / "train" / "AutoPET_aaaaaaaaaa_11111" / "liver").mkdir()
    (tmp_path / "val" / "other" / "label.nii.gz").unlink()
    third = replace(scans[0], name="AutoPET_cccccccccc_11111", patient="cccccccccc")
    write_published([third], tmp_path)
    index = build_index(tmp_path, keep_split=False)
    codes = {finding.code for finding in index.findings}
    assert {"MASK_MISSING", "UNKNOWN_NAME"} <= codes
    assert [scan.patient for scan in index.scans] == ["aaaaaaaaaa", "cccccccccc"]


def test_a_patient_in_two_splits_is_told(scans: list[Scan], tmp_path: Path) -> None:
    again = replace(scans[1], name="AutoPET_aaaaaaaaaa_22222")
    write_published([*scans, again], tmp_path)
    assert "PATIENT_IN_TWO_SPLITS" in [finding.code for finding in build_index(tmp_path).findings]
    anew = build_index(tmp_path, keep_split=False)
    assert len({scan.split for scan in anew.scans if scan.patient == "aaaaaaaaaa"}) == 1


def test_scans_without_split_or_with_one_name_are_not_written(scans: list[Scan], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no split"):
        write_published([replace(scans[0], split="")], tmp_path)
    with pytest.raises(OutputError, match="Two scans"):
        write_published([scans[0], scans[0]], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_pseudo_label_on_another_grid_is_left_out(
    scans: list[Scan], shifted_mask: Path, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    write_published(scans, root)
    sample = root / "train" / "AutoPET_aaaaaaaaaa_11111"
    shifted_mask.rename(sample / class_folder(resolve("liver").structure) / "epoch_030.nii.gz")
    index = build_index(root)
    assert "GRID_DIFFERS" in [finding.code for finding in index.findings]
    assert "epoch_030" not in [label.source for label in index.scans[0].pseudo_labels]
