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
