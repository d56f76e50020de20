"""AutoPET CTs and DAP Atlas masks find each other in every layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.errors import InputError
from segae.io.autopet import Study, parse_study
from segae.io.layouts import find_autopet
from segae_trainer.data.find_scans import build_index

Put = Callable[[Path, str], Path]


@pytest.mark.parametrize(
    ("name", "study"),
    [
        ("AutoPET_0011f3deaf_10445", Study("0011f3deaf", "10445")),
        ("AutoPET_0011f3deaf_10445_0000", Study("0011f3deaf", "10445")),
        ("fdg_0011f3deaf_03-23-2003-NA-PET-CT KM-10445_0000", Study("0011f3deaf", "10445")),
        ("psma_95b833d65be26d2f_2018-04-23_0000", Study("95b833d65be26d2f", "2018-04-23")),
        ("psma_95b833d65be26d2f_2018-04-23", Study("95b833d65be26d2f", "2018-04-23")),
        ("psma_95b833d65be26d2f_2018-04-23_0001", None),
        ("fdg_0011f3deaf_03-23-2003-NA-PET-CT KM-10445_0001", None),
        ("AutoPET_0011f3deaf", None),
        ("CT", None),
        ("AutoPET_0011f3deaf_1044", None),
    ],
)  # fmt: skip
def test_names_give_subject_and_last_five_digits(name: str, study: Study | None) -> None:
    assert parse_study(name) == study


@given(st.from_regex(r"[0-9a-f]{10}", fullmatch=True), st.from_regex(r"[0-9]{5}", fullmatch=True))
def test_every_study_reads_its_own_name_back(subject: str, last_five: str) -> None:
    study = Study(subject, last_five)
    assert parse_study(str(study)) == study


def test_tcia_folders_and_flat_files_are_matched(
    put: Put, ct_file: Path, atlas_mask: Path, tmp_path: Path
) -> None:
    study = "ct/FDG-PET-CT-Lesions/PETCT_0011f3deaf/03-23-2003-NA-PET-CT Ganzkoerper  primaer mit KM-10445"
    tcia = put(ct_file, f"{study}/CT.nii.gz")
    put(ct_file, f"{study}/CTres.nii.gz")
    flat = put(ct_file, "ct/flat/AutoPET_0af7ffe12a_08744_0000.nii.gz")
    names = ("0011f3deaf_10445", "0af7ffe12a_08744")
    masks = [put(atlas_mask, f"masks/AutoPET_{name}.nii.gz") for name in names]
    found = find_autopet(tmp_path / "ct", tmp_path / "masks")
    assert [(scan.ct, scan.masks) for scan in found.cases] == [(tcia, masks[0]), (flat, masks[1])]
    assert [scan.patient for scan in found.cases] == ["0011f3deaf", "0af7ffe12a"]
    assert found.left_out == ()


def test_the_ct_among_the_dicom_series_of_a_study_is_taken_and_read(
    put: Put, put_dicom: Callable[[str, str], Path], ct_file: Path, atlas_mask: Path, tmp_path: Path
) -> None:
    put_dicom("ct/PETCT_0011f3deaf/2003-PETCT-10445/1.000000-PET-1", "PT")
    ct = put_dicom("ct/PETCT_0011f3deaf/2003-PETCT-10445/2.000000-CT-2", "CT")
    put(ct_file, "ct/PETCT_0af7ffe12a/2004-PETCT-08744/CT.nii.gz")
    put(atlas_mask, "masks/AutoPET_0011f3deaf_10445.nii.gz")
    put(atlas_mask, "masks/AutoPET_0af7ffe12a_08744.nii.gz")
    index = build_index(tmp_path / "ct", tmp_path / "masks")
    assert index.scans[0].ct == ct
    assert len(index.scans) == 2
    assert index.scans[0].structures == index.scans[1].structures


def test_ct_without_mask_and_mask_without_ct_are_told(
    put: Put, ct_file: Path, atlas_mask: Path, tmp_path: Path
) -> None:
    lonely_ct = put(ct_file, "ct/AutoPET_aaaaaaaaaa_11111.nii.gz")
    put(ct_file, "ct/AutoPET_bbbbbbbbbb_22222.nii.gz")
    put(atlas_mask, "masks/AutoPET_bbbbbbbbbb_22222.nii.gz")
    lonely_mask = put(atlas_mask, "masks/AutoPET_bbbbbbbbbb_33333.nii.gz")
    odd = put(atlas_mask, "masks/notes.nii.gz")
    found = find_autopet(tmp_path / "ct", tmp_path / "masks")
    told = {one.code: one for one in found.left_out}
    assert told["MASK_MISSING"].source == lonely_ct
    assert told["CT_MISSING"].source == lonely_mask
    assert told["UNKNOWN_NAME"].source == odd
    assert "AutoPET_aaaaaaaaaa_11111" in told["MASK_MISSING"].message
    assert len(found.cases) == 1


def test_of_two_cts_of_one_study_the_first_is_taken_and_both_are_told(
    put: Put, ct_file: Path, atlas_mask: Path, tmp_path: Path
) -> None:
    put(ct_file, "ct/AutoPET_aaaaaaaaaa_11111.nii.gz")
    put(ct_file, "ct/more/AutoPET_aaaaaaaaaa_11111_0000.nii.gz")
    put(atlas_mask, "masks/AutoPET_aaaaaaaaaa_11111.nii.gz")
    found = find_autopet(tmp_path / "ct", tmp_path / "masks")
    assert [one.code for one in found.left_out] == ["DUPLICATE"]
    assert len(found.cases) == 1


def test_folders_without_such_names_are_refused(put: Put, ct_file: Path, tmp_path: Path) -> None:
    put(ct_file, "ct/liver.nii.gz")
    put(ct_file, "good/AutoPET_aaaaaaaaaa_11111.nii.gz")
    with pytest.raises(InputError, match="No CT under"):
        find_autopet(tmp_path / "ct", tmp_path / "good")
    with pytest.raises(InputError, match="No file under"):
        find_autopet(tmp_path / "good", tmp_path / "ct")


def test_psma_studies_of_autopet_3_are_matched_by_subject_and_date(
    put: Put, ct_file: Path, atlas_mask: Path, tmp_path: Path
) -> None:
    flat = put(ct_file, "ct/imagesTr/psma_95b833d65be26d2f_2018-04-23_0000.nii.gz")
    put(ct_file, "ct/imagesTr/psma_95b833d65be26d2f_2018-04-23_0001.nii.gz")
    tcia = put(ct_file, "ct/PSMA-PET-CT-Lesions/PSMA_0af7ffe12a/12-01-2015-NA-PET-CT 12345/CT.nii.gz")
    other = put(ct_file, "ct/PSMA-PET-CT-Lesions/PSMA_0af7ffe12a/2016-01-12/CT.nii.gz")
    names = ("95b833d65be26d2f_2018-04-23", "0af7ffe12a_2015-12-01", "0af7ffe12a_2016-01-12")
    for name in names:
        put(atlas_mask, f"masks/psma_{name}.nii.gz")
    found = find_autopet(tmp_path / "ct", tmp_path / "masks")
    assert {(one.case, one.ct) for one in found.cases} == {
        (f"psma_{names[0]}", flat), (f"psma_{names[1]}", tcia), (f"psma_{names[2]}", other),
    }  # fmt: skip
    assert found.left_out == ()


def test_an_nnunet_folder_of_autopet_is_its_own_ct_and_mask_folder(
    put: Put, ct_file: Path, atlas_mask: Path, tmp_path: Path
) -> None:
    stems = ("fdg_0011f3deaf_03-23-2003-NA-PET-CT KM-10445", "psma_95b833d65be26d2f_2018-04-23")
    for name in stems:
        put(ct_file, f"set/imagesTr/{name}_0000.nii.gz")
        put(ct_file, f"set/imagesTr/{name}_0001.nii.gz")
        put(atlas_mask, f"set/labelsTr/{name}.nii.gz")
    index = build_index(tmp_path / "set", tmp_path / "set")
    assert [scan.ct.name for scan in index.scans] == [f"{name}_0000.nii.gz" for name in stems]
    assert [scan.masks.parent.name for scan in index.scans] == ["labelsTr", "labelsTr"]
    assert {scan.patient for scan in index.scans} == {"0011f3deaf", "95b833d65be26d2f"}


def test_hidden_files_are_neither_cts_nor_masks_nor_series(
    put: Put, put_dicom: Callable[[str, str], Path], ct_file: Path, atlas_mask: Path, tmp_path: Path
) -> None:
    series = put_dicom("ct/PETCT_0011f3deaf/2003-PETCT-10445/2.000000-CT-2", "CT")
    (series / "._0.dcm").write_bytes(b"\0\5\x16\7")
    put(ct_file, "ct/._AutoPET_0011f3deaf_10445.nii.gz")
    put(atlas_mask, "masks/AutoPET_0011f3deaf_10445.nii.gz")
    put(atlas_mask, "masks/._AutoPET_0011f3deaf_10445.nii.gz")
    found = find_autopet(tmp_path / "ct", tmp_path / "masks")
    assert [one.ct for one in found.cases] == [series]
    assert found.left_out == ()
