"""The TotalSegmentator data sets, both versions."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from segae.errors import InputError
from segae.labels import by_index
from segae_trainer.data.find_scans import build_index


def test_cases_are_read_with_the_split_of_their_table(put_case: Callable[..., Path], tmp_path: Path) -> None:
    for name in ("s0000", "s0001", "s0002"):
        put_case(name)
    rows = "image_id;age;split\ns0000;60;train\ns0001;61;val\ns0002;62;test\n"
    (tmp_path / "meta.csv").write_text(rows)
    index = build_index(tmp_path)
    assert [(scan.name, scan.patient, scan.split) for scan in index.scans] == [
        ("s0000", "s0000", "train"), ("s0001", "s0001", "val"), ("s0002", "s0002", "test"),
    ]  # fmt: skip
    assert [str(by_index(i)) for i in index.scans[0].structures] == ["liver", "spleen"]


def test_names_of_version_1_and_2_are_the_same_structure(
    put_case: Callable[..., Path], tmp_path: Path
) -> None:
    two = put_case("s0000", ("kidney_left", "esophagus"))
    one = put_case("s0001", ("esophagus", "aorta"))
    shutil.copy(
        two / "segmentations" / "kidney_left.nii.gz", one / "segmentations" / "urinary_bladder.nii.gz"
    )
    index = build_index(tmp_path)
    assert {str(by_index(i)) for i in index.scans[1].structures} == {"aorta", "bladder"}


def test_cases_with_a_missing_half_are_told_and_left_out(
    put_case: Callable[..., Path], tmp_path: Path
) -> None:
    for name in ("s0000", "s0001", "s0002", "s0003"):
        put_case(name)
    (tmp_path / "s0001" / "ct.nii.gz").unlink()
    shutil.rmtree(tmp_path / "s0002" / "segmentations")
    index = build_index(tmp_path)
    assert [scan.name for scan in index.scans] == ["s0000", "s0003"]
    codes = {finding.code: finding.source for finding in index.findings}
    assert codes["CT_MISSING"] == str(tmp_path / "s0001")
    assert codes["MASK_MISSING"] == str(tmp_path / "s0002")


def test_a_folder_without_cases_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no case"):
        build_index(tmp_path, layout="totalsegmentator")


def test_a_mask_that_cannot_be_used_is_told_and_costs_no_other(
    put_case: Callable[..., Path], tmp_path: Path
) -> None:
    for name in ("s0000", "s0001"):
        put_case(name)
    (tmp_path / "s0000/segmentations/spleen.nii.gz").write_bytes(b"")
    (tmp_path / "s0000/segmentations/._liver.nii.gz").write_bytes(b"\0\5\x16\7")
    index = build_index(tmp_path)
    assert [[str(by_index(i)) for i in scan.structures] for scan in index.scans] == [
        ["liver"], ["liver", "spleen"],
    ]  # fmt: skip
    (finding,) = [one for one in index.findings if one.code == "MASK_LEFT_OUT"]
    assert "s0000/segmentations/spleen.nii.gz" in finding.message


def test_a_mask_without_a_known_name_is_told_once_for_all_scans(
    put_case: Callable[..., Path], tmp_path: Path
) -> None:
    for name in ("s0000", "s0001", "s0002"):
        masks = put_case(name) / "segmentations"
        shutil.copy(masks / "liver.nii.gz", masks / "kidney_cyst_left.nii.gz")
    (finding,) = [one for one in build_index(tmp_path).findings if one.code == "UNKNOWN_NAME"]
    assert finding.segments == ("kidney_cyst_left",)
    assert finding.message.endswith("so it is in 3 scans.")


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        (("train", "val", "test", ""), ("train", "val", "test", "train")),
        (("train", "train", "test", "test"), ({"train", "val"}, {"train", "val"}, "test", "test")),
        (("", "", "test", "val"), ("train", "train", "test", "val")),
    ],
)
def test_a_split_that_is_given_in_part_keeps_its_test_cases_and_is_told(
    put_case: Callable[..., Path], tmp_path: Path, splits: tuple[str, ...], expected: tuple
) -> None:
    for n in range(4):
        put_case(f"s000{n}")
    rows = [f"s000{n},{split}" for n, split in enumerate(splits)]
    (tmp_path / "meta.csv").write_text("\n".join(["image_id,split", *rows]))
    index = build_index(tmp_path)
    for scan, split in zip(index.scans, expected, strict=True):
        assert scan.split in (split if isinstance(split, set) else {split})
    assert "SPLIT_COMPLETED" in [finding.code for finding in index.findings]
