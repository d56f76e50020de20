"""A folder of CTs and one of masks: by name, with nnU-Net's ending, and in AutoPET's own folders."""

from pathlib import Path

import pytest
from dicom_files import write_ct

from segae.errors import InputError
from segae.io.layouts import find_cases, find_layout, find_paired_folders

MASK = "AutoPET_0011f3deaf_10445"
STUDY = "PETCT_0011f3deaf/03-23-2003-NA-PET-CT Ganzkoerper primaer mit KM-10445"


@pytest.fixture
def cts(tmp_path: Path) -> Path:
    (tmp_path / "cts").mkdir()
    return tmp_path / "cts"


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    (tmp_path / "masks").mkdir()
    return tmp_path / "masks"


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def pairs(cts: Path, masks: Path) -> dict[str, tuple[str, str]]:
    return {
        one.case: (one.ct.relative_to(cts).as_posix(), one.masks.relative_to(masks).as_posix())
        for one in find_cases(cts, masks)
    }


@pytest.mark.parametrize(
    ("ct", "mask"),
    [
        ("a.nii.gz", "a.nii.gz"),
        ("a.nrrd", "a.seg.nrrd"),
        ("a_0000.nii.gz", "a.nii.gz"),
        ("a_ct.mha", "a.nii"),
        ("a-CT.nii.gz", "a.nii.gz"),
        ("deeper/still/a.nii.gz", "a.nii.gz"),
    ],
)
def test_a_mask_finds_the_ct_of_its_name(cts: Path, masks: Path, ct: str, mask: str):
    touch(cts, ct, "b.nii.gz", "ab_0000.nii.gz", "a.json")
    touch(masks, mask, "readme.txt", "a.json")
    assert pairs(cts, masks) == {"a": (ct, mask)}


def test_a_dap_atlas_mask_finds_its_ct_in_a_flat_folder(cts: Path, masks: Path):
    touch(cts, f"{MASK}.nii.gz", "AutoPET_0011f3deaf_99999.nii.gz")
    touch(masks, f"{MASK}.nii.gz")
    assert pairs(cts, masks) == {MASK: (f"{MASK}.nii.gz", f"{MASK}.nii.gz")}


def test_a_dap_atlas_mask_finds_its_ct_in_the_folders_of_autopet(cts: Path, masks: Path):
    names = ("CT.nii.gz", "CTres.nii.gz", "PET.nii.gz", "SUV.nii.gz", "SEG.nii.gz")
    touch(cts, *(f"{STUDY}/{name}" for name in names))
    touch(cts, "PETCT_0011f3deaf/another study-22222/CT.nii.gz", "PETCT_ffff/other-10445/CT.nii.gz")
    touch(masks, f"{MASK}.nii.gz")
    assert pairs(cts, masks) == {MASK: (f"{STUDY}/CT.nii.gz", f"{MASK}.nii.gz")}


def test_a_dap_atlas_mask_finds_a_ct_that_is_named_by_its_study_alone(cts: Path, masks: Path):
    ct = "deeper/fdg_0011F3DEAF_03-23-2003-NA-PET-CT KM-10445_0000.nii.gz"
    touch(cts, ct, "fdg_0011f3deaf_99999_0000.nii.gz")
    touch(masks, f"{MASK}.nii.gz")
    assert pairs(cts, masks) == {MASK: (ct, f"{MASK}.nii.gz")}


def test_a_mask_without_ct_is_a_case_that_says_where_the_ct_should_be(cts: Path, masks: Path):
    touch(masks, "a.nii.gz")
    assert pairs(cts, masks) == {"a": ("a.nii.gz", "a.nii.gz")}


@pytest.mark.parametrize("others", [("one/a.nii.gz", "two/a.nii.gz"), ("a.nii.gz", "a_0000.nii.gz")])
def test_several_fitting_cts_are_refused_and_named(cts: Path, masks: Path, others: tuple[str, str]):
    touch(cts, *others)
    touch(masks, "a.nii.gz")
    touch(cts, "b.nii.gz")
    touch(masks, "b.nii.gz")
    found = {one.case: one.problem for one in find_cases(cts, masks)}
    assert not found["b"]
    assert "CSV manifest" in found["a"]
    assert all(str(cts / name) in found["a"] for name in others)


def test_the_same_name_with_two_endings_is_two_cases(cts: Path, masks: Path):
    touch(cts, "a.nii.gz")
    touch(masks, "a.nii.gz", "a.nrrd")
    found = find_layout(cts, masks)
    assert [(one.case, one.masks.name) for one in found.cases] == [("a", "a.nii.gz"), ("a (2)", "a.nrrd")]
    assert [one.code for one in found.left_out] == ["SAME_NAME"]


def test_hidden_files_are_neither_cts_nor_masks(cts: Path, masks: Path):
    touch(cts, "a.nii.gz", "._a.nii.gz", "__MACOSX/a.nii.gz")
    touch(masks, "a.nii.gz", "._a.nii.gz")
    assert pairs(cts, masks) == {"a": ("a.nii.gz", "a.nii.gz")}


def test_masks_in_a_folder_among_the_cts_are_no_cts(cts: Path):
    touch(cts, "a.nii.gz", "labels/a.nii.gz")
    assert pairs(cts, cts / "labels") == {"a": ("a.nii.gz", "a.nii.gz")}


def test_the_folders_of_nnunet_are_a_data_set(tmp_path: Path):
    touch(tmp_path, "imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz", "labelsTr/a.nii.gz", "dataset.json")
    touch(tmp_path, "imagesTs/b_0000.nii.gz", "labelsTs/b.nii.gz", "labelsTs/c.nii.gz")
    found = {one.case: (one.ct.name, bool(one.problem)) for one in find_cases(tmp_path)}
    assert found == {
        "a": ("a_0000.nii.gz", False), "b": ("b_0000.nii.gz", False), "c": ("c.nii.gz", True),
    }  # fmt: skip


def test_a_file_where_a_folder_is_expected_is_refused(cts: Path, masks: Path):
    touch(cts, "a.nii.gz")
    with pytest.raises(InputError, match="is no folder"):
        find_cases(cts, masks / "nothing here")
    with pytest.raises(InputError, match="is no folder"):
        find_cases(cts / "a.nii.gz", masks)


def test_folders_without_masks_hold_no_cases(cts: Path, masks: Path):
    touch(cts, "a.nii.gz")
    with pytest.raises(InputError, match="holds no cases"):
        find_cases(cts, masks)


@pytest.mark.parametrize("mask", ["a.dcm", "a.nii.gz"])
def test_a_mask_finds_the_dicom_series_in_the_folder_of_its_name(cts: Path, masks: Path, mask: str):
    write_ct(cts / "a")
    touch(cts, "b/notes.txt")
    touch(masks, mask, "b.dcm")
    assert pairs(cts, masks)["a"] == ("a", mask)
    assert [(one.code, one.source.name) for one in missing(cts, masks)] == [("CT_MISSING", "b.dcm")]


def missing(cts: Path, masks: Path):
    return find_paired_folders(cts, masks).left_out
