"""A changed or cut file is refused, or its voxels are those it had: nothing damaged is ever handed out."""

from __future__ import annotations

import bz2
import random
import re
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from segae.errors import InputError
from segae.io.readers import read_image

SHAPE = (6, 20, 24)


def voxels() -> np.ndarray:
    """A picture like a CT: smooth, with noise in the lowest bits."""
    k, j, i = np.indices(SHAPE)
    smooth = 40 * np.sin(k) + 300 * np.cos(j / 5) * np.sin(i / 7)
    return (smooth + np.random.default_rng(1).integers(-9, 9, SHAPE)).astype(np.int16)


def nifti(path: Path) -> Path:
    image = nibabel.Nifti1Image(voxels().T, np.diag([2.0, 2.0, 3.0, 1.0]))
    image.to_filename(path)
    return path


def itk(path: Path) -> Path:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(voxels()), str(path), useCompression=True)
    return path


def itk_raw(path: Path) -> Path:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(voxels()), str(path), useCompression=False)
    return path


def bzip2_nrrd(path: Path) -> Path:
    head, data = itk_raw(path).read_bytes().split(b"\n\n", 1)
    path.write_bytes(head.replace(b"encoding: raw", b"encoding: bzip2") + b"\n\n" + bz2.compress(data))
    return path


# What is written, and which file of it is damaged.
FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "ct.nii.gz": (nifti, "ct.nii.gz"),
    "ct.nii": (nifti, "ct.nii"),
    "ct.nrrd": (itk, "ct.nrrd"),
    "masks.seg.nrrd": (itk, "masks.seg.nrrd"),
    "ct.nhdr": (itk, "ct.raw.gz"),
    "bz.nrrd": (bzip2_nrrd, "bz.nrrd"),
    "ct.mha": (itk, "ct.mha"),
    "ct.mhd": (itk, "ct.zraw"),
}
PACKED = [name for name in FILES if name != "ct.nii"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: make(tmp_path_factory.mktemp("files") / name) for name, (make, _) in FILES.items()}


@pytest.mark.parametrize("name", FILES)
def test_a_whole_file_gives_its_voxels(made: dict[str, Path], name: str) -> None:
    np.testing.assert_array_equal(read_image(made[name]).voxels, voxels())


def test_300_changes_and_cuts_of_packed_files_never_give_other_voxels(made: dict[str, Path]) -> None:
    chance, refused = random.Random(12), 0
    for n in range(300):
        name = PACKED[n % len(PACKED)]
        path = made[name]
        victim = path.with_name(FILES[name][1])
        whole = victim.read_bytes()
        start = max(whole.find(b"\n\n"), whole.find(b"LOCAL\n"), 0)
        at = chance.randrange(start, len(whole))
        if n % 3 == 2:
            victim.write_bytes(whole[:at])
        else:
            victim.write_bytes(whole[:at] + bytes([whole[at] ^ chance.randrange(1, 256)]) + whole[at + 1 :])
        try:
            read = read_image(path).voxels
        except InputError as error:
            refused += 1
            assert str(path.parent) in str(error) and "\n" not in str(error), error
        else:
            np.testing.assert_array_equal(read, voxels(), f"{name}, byte {at}")
        finally:
            victim.write_bytes(whole)
    assert refused > 250


def test_a_changed_byte_of_a_header_gives_the_same_voxels_or_a_sentence(made: dict[str, Path]) -> None:
    chance = random.Random(3)
    for name in ("ct.nrrd", "ct.mha", "ct.nhdr", "ct.mhd"):
        path, whole = made[name], made[name].read_bytes()
        end = next((at for at in (whole.find(b"\n\n"), whole.find(b"LOCAL\n")) if at > 0), len(whole))
        for _ in range(40):
            at = chance.randrange(end)
            path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(8))]) + whole[at + 1 :])
            try:
                read = read_image(path).voxels
            except InputError as error:
                assert "\n" not in str(error), error
            else:
                same = read.dtype.kind == "i" and read.dtype.itemsize == 2
                assert not same or sorted(read.shape) != sorted(SHAPE) or np.array_equal(
                    np.sort(read.ravel()), np.sort(voxels().ravel())
                ), whole[max(0, at - 20) : at + 20]  # fmt: skip
            finally:
                path.write_bytes(whole)


@pytest.mark.parametrize("name", FILES)
def test_voxels_that_are_left_over_are_noticed(made: dict[str, Path], name: str, tmp_path: Path) -> None:
    """A header that promises fewer slices than the file has."""
    for file in made[name].parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / name
    content = path.read_bytes()
    if name.startswith("ct.nii"):
        nibabel.Nifti1Image(voxels().T, np.eye(4)).to_filename(tmp_path / "ct.nii")
        path, content = tmp_path / "ct.nii", bytearray((tmp_path / "ct.nii").read_bytes())
        content[46:48] = np.array([5], "<i2").tobytes()
    else:
        content = re.sub(rb"(sizes: 24 20|DimSize = 24 20) 6", rb"\1 5", content)
    path.write_bytes(content)
    with pytest.raises(InputError, match="960 bytes more than the voxels"):
        read_image(path)


def test_zeros_that_fill_up_a_block_are_no_damage(made: dict[str, Path], tmp_path: Path) -> None:
    for name in ("ct.nii.gz", "ct.nii", "ct.nrrd"):
        path = tmp_path / name
        path.write_bytes(made[name].read_bytes() + b"\0" * 512)
        np.testing.assert_array_equal(read_image(path).voxels, voxels())


def test_a_file_of_several_gzip_members_is_read(tmp_path: Path) -> None:
    import gzip

    content = nifti(tmp_path / "ct.nii").read_bytes()
    path = tmp_path / "ct.nii.gz"
    path.write_bytes(gzip.compress(content[:999]) + gzip.compress(content[999:]))
    np.testing.assert_array_equal(read_image(path).voxels, voxels())
