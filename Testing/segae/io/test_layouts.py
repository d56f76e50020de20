"""Data sets laid out as TotalSegmentator's, one case of them, and what is no data set."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from segae.errors import InputError
from segae.io.layouts import CaseFiles, find_cases, find_layout


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


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_split_of_meta_csv_is_read_in_any_form(tmp_path: Path, separator: str, encoding: str):
    names = ("s0001", "s0002", "s0003")
    touch(*(tmp_path / name / file for name in names for file in ("ct.nii.gz", "segmentations/liver.nii.gz")))
    text = "image_id;größe;Split\ns0001;1;train\ns0002;2;Validation\ns0003;3;TEST\n"
    (tmp_path / "meta.csv").write_bytes(text.replace(";", separator).encode(encoding))
    assert [one.split for one in find_cases(tmp_path)] == ["train", "val", "test"]
    assert find_layout(tmp_path).left_out == ()


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"case;fold\ns0001;1\n",
        b"image_id;split\ns9999;train\n",
        b"image_id;split\ns0001;fold 3\n",
        b"PK\3\4",
    ],
)
def test_a_table_whose_split_is_not_used_is_told(tmp_path: Path, table: bytes):
    touch(tmp_path / "s0001/ct.nii.gz", tmp_path / "s0001/segmentations/liver.nii.gz")
    (tmp_path / "meta.csv").write_bytes(table)
    found = find_layout(tmp_path)
    assert [(one.case, one.split) for one in found.cases] == [("s0001", "")]
    assert [one.code for one in found.left_out] == ["TABLE_NOT_USED"]


def test_hidden_folders_and_those_of_reports_are_no_cases(tmp_path: Path):
    touch(tmp_path / "s0001/ct.nii.gz", tmp_path / "s0001/segmentations/liver.nii.gz")
    touch(tmp_path / "__MACOSX/ct.nii.gz", tmp_path / ".trash/ct.nii.gz", tmp_path / "report/axial.nii.gz")
    assert names(find_cases(tmp_path)) == ["s0001"]


def test_masks_without_ct_are_a_case_that_fails_with_the_reason(tmp_path: Path):
    touch(tmp_path / "s0001/segmentations/liver.nii.gz")
    (case,) = find_cases(tmp_path)
    assert case.case == "s0001"
    assert 'no file "ct.nii.gz"' in case.problem


def test_what_a_result_is_made_from_changes_with_size_time_and_header_of_each_file(tmp_path: Path):
    ct, masks, names_file = tmp_path / "ct.nii.gz", tmp_path / "masks", tmp_path / "names.json"
    touch(ct, masks / "liver.nii.gz", masks / "spleen.nii.gz", names_file)
    case = CaseFiles("a", ct, masks)
    seen = [case.inputs(names_file)]
    assert seen[0]["masks"]["files"] == 2

    def changed() -> bool:
        seen.append(case.inputs(names_file))
        return seen[-1] != seen[-2]

    status = ct.stat()
    ct.write_bytes(b"other header")
    assert changed()
    os.utime(ct, ns=(status.st_atime_ns, status.st_mtime_ns))  # as copying an older file in its place
    assert changed()
    ct.write_bytes(b"OTHER header")
    os.utime(ct, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert changed()
    (masks / "spleen.nii.gz").rename(masks / "stomach.nii.gz")
    assert changed()
    names_file.write_text("{}")
    assert changed()
    touch(masks / "._liver.nii.gz")
    assert not changed()


def test_a_manifest_may_say_whose_ct_it_is(tmp_path: Path):
    (tmp_path / "list.csv").write_text("ct,masks,patient\na.nii,a,p1\nb.nii,b,\n")
    cases = find_cases(tmp_path / "list.csv")
    assert [(one.case, one.patient) for one in cases] == [("a", "p1"), ("b", "")]
