"""Data sets laid out as TotalSegmentator's, one case of them, and what is no data set."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from segae.errors import InputError
from segae.io.layouts import CaseFiles, find_cases


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(cases: tuple[CaseFiles, ...]) -> list[str]:
    return [one.case for one in cases]


@pytest.mark.parametrize("organ", ["urinary_bladder", "vertebrae_S1"])  # of v1 and v2; of v2 only
def test_every_folder_with_a_ct_is_a_case_whatever_the_version_of_the_data_set(tmp_path: Path, organ: str):
    for case in ("s0010", "s0002"):
        touch(tmp_path / case / "ct.nii.gz", tmp_path / case / f"segmentations/{organ}.nii.gz")
    touch(tmp_path / "meta.csv", tmp_path / "notes/readme.txt")
    assert find_cases(tmp_path) == (
        CaseFiles("s0002", tmp_path / "s0002/ct.nii.gz", tmp_path / "s0002/segmentations"),
        CaseFiles("s0010", tmp_path / "s0010/ct.nii.gz", tmp_path / "s0010/segmentations"),
    )


def test_one_case_is_a_data_set_of_one_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "s0001"
    touch(folder / "ct.nii", folder / "segmentations/liver.nii.gz")
    expected = (CaseFiles("s0001", folder / "ct.nii", folder / "segmentations"),)
    assert find_cases(folder) == expected
    monkeypatch.chdir(folder)
    assert find_cases(Path()) == expected


def test_a_case_without_masks_is_not_left_out(tmp_path: Path):
    touch(tmp_path / "s0001/ct.nii.gz")
    assert names(find_cases(tmp_path)) == ["s0001"]


def test_a_linked_case_has_the_name_of_the_link(tmp_path: Path):
    touch(tmp_path / "store/abc/ct.nii.gz")
    (tmp_path / "set").mkdir()
    (tmp_path / "set/s0001").symlink_to(tmp_path / "store/abc")
    assert names(find_cases(tmp_path / "set")) == ["s0001"]


def test_paths_do_not_depend_on_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    touch(tmp_path / "data/s0001/ct.nii.gz")
    monkeypatch.chdir(tmp_path)
    assert find_cases(Path("data")) == find_cases(tmp_path / "data")


def test_the_published_layout_is_read_with_its_splits_and_patients(tmp_path: Path):
    sample, other = tmp_path / "train/AutoPET_00ab_12345", tmp_path / "val/s7"
    touch(sample / "ct.nii.gz", sample / "label.nii.gz", sample / "liver_13/epoch_1.nii.gz")
    touch(other / "ct.nii.gz")
    first = CaseFiles(sample.name, sample / "ct.nii.gz", sample / "label.nii.gz", patient="00ab")
    assert find_cases(tmp_path) == (
        replace(first, split="train", values="dap"),
        CaseFiles("s7", other / "ct.nii.gz", other / "label.nii.gz", split="val", values="dap"),
    )


def test_a_folder_without_cases_is_refused_and_the_layouts_are_listed(tmp_path: Path):
    touch(tmp_path / "readme.txt")
    with pytest.raises(InputError, match=r"holds no cases.*segmentations.*manifest.*--masks") as caught:
        find_cases(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_missing_data_set_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"no such set.*check the path"):
        find_cases(tmp_path / "no such set")


def test_a_case_is_as_new_as_the_newest_of_its_files_and_names(tmp_path: Path):
    ct, mask, names_file = (tmp_path / name for name in ("a.nrrd", "m.nii.gz", "m.json"))
    for second, path in enumerate((ct, mask, names_file), start=1):
        touch(path)
        os.utime(path, (second * 1000, second * 1000))
    assert CaseFiles("a", ct, mask).newest() == 3000
    names_file.rename(tmp_path / "other.json")
    assert CaseFiles("a", ct, mask).newest() == 2000
    assert CaseFiles("a", ct, mask).newest(tmp_path / "other.json") == 3000
    assert CaseFiles("a", tmp_path / "missing", tmp_path / "missing too").newest() == 0
