"""Each cause for which a file cannot be read has its own sentence, which names the file and what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from nibabel.nifti1 import Nifti1PairHeader

from segae.errors import InputError
from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
HTML = b"\n<!DOCTYPE html><html><head><title>404</title></head></html>"


def nifti() -> bytes:
    return nibabel.Nifti1Image(np.ones((4, 5, 6), "i2"), np.eye(4)).to_bytes()


def header_of_pair() -> bytes:
    header = Nifti1PairHeader()
    header.set_data_shape((4, 5, 6))
    return header.binaryblock + b"\0" * 4


def tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("liver.nii"), io.BytesIO())
    return stream.getvalue()


CAUSES = {
    "empty": (b"", "is empty"),
    "lfs": (LFS, 'Git LFS pointer.*"git lfs pull"'),
    "html": (HTML, "web page"),
    "html in gzip": (gzip.compress(HTML), "gzip file whose content is a web page"),
    "bzip2": (bz2.compress(nifti()), "packed with bzip2; unpack it"),
    "xz": (lzma.compress(nifti()), "packed with xz; unpack it"),
    "zip": (b"PK\3\4" + b"x" * 400, "ZIP archive"),
    "tar": (tar(), "packed tar archive"),
    "apple": (b"\0\5\x16\7\0\2\0\0Mac OS X" + b"\0" * 90, "AppleDouble.*remove it"),
    "png": (b"\x89PNG\r\n\x1a\n" + b"x" * 400, "PNG picture"),
    "zeros": (b"\0" * 5000, "full of zero bytes"),
    "text": (b"This is no image.\n" * 60, "a text file"),
    "pair": (header_of_pair(), r"header/image pair .*convert the pair"),
    "nrrd": (b"NRRD0004\ntype: short\n", "content of .* is NRRD, not NIfTI as its name says"),
    "mha": (b"ObjectType = Image\nNDims = 3\n", "content of .* is MetaImage"),
    "dicom": (b"\0" * 128 + b"DICM" + b"\0" * 300, "content of .* is DICOM"),
    "noise": (bytes(range(1, 255)) * 9, "no image, or its beginning is damaged"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_the_true_cause_is_named_for_a_ct_and_for_a_mask(tmp_path: Path, cause: str) -> None:
    content, sentence = CAUSES[cause]
    path = tmp_path / "liver.nii.gz"
    path.write_bytes(content)
    for read in (read_ct, read_segmentation):
        with pytest.raises(InputError, match=sentence) as caught:
            read(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "liver.nii.gz"
    path.write_bytes(gzip.compress(nifti()))
    real = Path.open

    def forbidden(self: Path, mode: str) -> object:
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, mode)

    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(InputError, match=r"no permission to read .*; change its permissions"):
        read_ct(path)


def test_a_header_whose_voxels_are_in_a_missing_file_names_it(tmp_path: Path) -> None:
    for name, data in (("ct.mhd", "ct.raw"), ("ct.nhdr", "ct.raw")):
        SimpleITK.WriteImage(SimpleITK.Image(4, 5, 6, SimpleITK.sitkInt16), str(tmp_path / name))
        (tmp_path / data).unlink()
        with pytest.raises(InputError, match=rf"voxels are in .*{data}.*which is not there; add that file"):
            read_ct(tmp_path / name)


def test_colours_and_series_in_time_are_named(tmp_path: Path) -> None:
    colours = np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.Nifti1Image(colours, np.eye(4)).to_filename(tmp_path / "rgb.nii.gz")
    with pytest.raises(InputError, match="holds RGB colours"):
        read_ct(tmp_path / "rgb.nii.gz")
    nibabel.Nifti1Image(np.zeros((4, 5, 6, 7), "i2"), np.eye(4)).to_filename(tmp_path / "4d.nii.gz")
    with pytest.raises(InputError, match=r"has 4 dimensions \(4x5x6x7\)"):
        read_ct(tmp_path / "4d.nii.gz")


def test_nothing_is_printed_about_an_odd_header(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ct.nii"
    image = nibabel.Nifti1Image(np.arange(120, dtype="i2").reshape(4, 5, 6), np.diag([2.0, 2, 2, 1]))
    content = bytearray(image.to_bytes())
    content[80:84] = np.array([-2], "<f4").tobytes()  # pixdim, which ITK and nibabel speak about
    path.write_bytes(content)
    read_ct(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("half", ["ct.hdr", "ct.img"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.Nifti2Pair, nibabel.AnalyzeImage])
def test_either_half_of_a_pair_is_called_one_and_not_a_wrong_name(tmp_path: Path, kind, half: str):
    voxels = np.random.default_rng(0).integers(-1000, 1000, (8, 9, 10)).astype(np.int16)
    nibabel.save(kind(voxels, np.eye(4)), tmp_path / "ct.img")
    with pytest.raises(InputError, match=rf'/{half}" is one half of a header/image pair .*convert the pair'):
        read_ct(tmp_path / half)


@pytest.mark.parametrize("name", ["seg.dcm", "seg"])
def test_a_dicom_file_in_place_of_masks_is_not_told_to_be_renamed(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 300)
    with pytest.raises(InputError, match=f'/{name}" is DICOM of unknown kind and holds no masks'):
        read_segmentation(tmp_path / name)
