"""A folder of masks: one file that does not belong is left out, named with its cause, and costs no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from segae.data import Segmentation
from segae.errors import InputError
from segae.io.segmentation import read_segmentation


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("liver.nii.gz", "spleen.nii.gz"):
        write(tmp_path / name, np.ones((2, 3, 4), np.uint8))
    return tmp_path


def write(path: Path, voxels: np.ndarray) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(voxels), str(path))


def names(read: Segmentation) -> list[str]:
    return [segment.name for segment in read.segments]


def test_hidden_files_are_left_out_and_told_once(folder: Path) -> None:
    for name in ("._liver.nii.gz", "._spleen.nii.gz", ".DS_Store"):
        (folder / name).write_bytes(b"\x00\x05\x16\x07 Mac OS X")
    read = read_segmentation(folder)
    assert names(read) == ["liver", "spleen"]
    assert [(f.code, f.severity) for f in read.findings] == [("HIDDEN_FILES", "info")]
    assert "2 hidden files" in read.findings[0].message


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _cut(path: Path) -> None:
    write(path, np.random.default_rng(0).integers(0, 2, (8, 9, 10)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[:60])


def _image(path: Path) -> None:
    write(path, np.arange(24, dtype=np.int16).reshape(2, 3, 4))


def _colour(path: Path) -> None:
    image = SimpleITK.GetImageFromArray(np.zeros((2, 3, 4, 3), np.uint8), isVector=True)
    SimpleITK.WriteImage(image, str(path))


def _dangling(path: Path) -> None:
    path.symlink_to("nothing.nii.gz")


@pytest.mark.parametrize("make", [_empty, _cut, _image, _colour, _dangling])
def test_a_broken_or_foreign_file_is_left_out_with_its_cause(folder: Path, make) -> None:
    make(folder / "kidney_left.nii.gz")
    read = read_segmentation(folder)
    assert names(read) == ["liver", "spleen"]
    (finding,) = read.findings
    assert (finding.code, finding.severity, finding.segments) == (
        "MASK_LEFT_OUT",
        "warning",
        ("kidney_left",),
    )
    assert "kidney_left.nii.gz" in finding.message


def test_a_folder_of_broken_files_alone_is_refused_with_the_first_cause(tmp_path: Path) -> None:
    _empty(tmp_path / "liver.nii.gz")
    _image(tmp_path / "spleen.nii.gz")
    with pytest.raises(InputError, match=r"No mask in .* can be read; the first reason: .*liver\.nii\.gz"):
        read_segmentation(tmp_path)


def test_two_files_of_one_name_stay_two_masks(folder: Path) -> None:
    write(folder / "liver.nrrd", np.ones((2, 3, 4), np.uint8))
    read = read_segmentation(folder)
    assert names(read) == ["liver [liver.nii.gz]", "liver [liver.nrrd]", "spleen"]
    assert [finding.code for finding in read.findings] == ["SAME_NAME"]
