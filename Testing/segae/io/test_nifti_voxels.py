"""Voxels of NIfTI files are those that nibabel reads; cut or damaged files are noticed."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segae.errors import InputError
from segae.io.nifti import has_extension, read_nifti_voxels

SAMPLE = Path(__file__).parents[3] / "SegAE/Resources/SampleData/totalsegmentator_s0001"


REAL_FILES = ["ct.nii.gz", "segmentation_multilabel.nii.gz", "segmentations/liver.nii.gz"]


@pytest.mark.parametrize("name", REAL_FILES)
def test_agrees_with_nibabel_on_real_files(name):
    expected = np.asarray(nibabel.Nifti1Image.from_filename(SAMPLE / name).dataobj)
    np.testing.assert_array_equal(read_nifti_voxels(SAMPLE / name), expected.T)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"])
def test_every_type_and_byte_order(tmp_path, kind, order, suffix):
    values = np.arange(24).reshape(4, 3, 2).astype(np.dtype(order + kind))
    header = nibabel.Nifti1Header(endianness=order)
    header.set_data_dtype(values.dtype)
    path = tmp_path / f"ct{suffix}"
    nibabel.Nifti1Image(values, np.eye(4), header).to_filename(path)
    read = read_nifti_voxels(path)
    assert read.dtype.kind == kind[0] and read.dtype.itemsize == int(kind[1])
    np.testing.assert_array_equal(read, values.T)


@pytest.mark.parametrize(
    ("slope", "intercept", "kind"),
    [(1, -1024, "i"), (2, 0, "i"), (0.5, 3, "f"), (2.0**35, 0, "f"), (0, 7, "i")],
)
def test_slope_and_intercept_are_applied_and_a_slope_of_0_means_none(tmp_path, slope, intercept, kind):
    stored = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    path = tmp_path / "ct.nii"
    nibabel.Nifti1Image(stored, np.eye(4)).to_filename(path)
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([slope, intercept], "<f4").tobytes()
    path.write_bytes(content)
    read = read_nifti_voxels(path)
    assert read.dtype.kind == kind
    np.testing.assert_allclose(read, stored.T if slope == 0 else stored.T * slope + intercept)


@settings(max_examples=40)
@given(st.floats(0.01, 0.99))
def test_a_file_cut_anywhere_is_refused(tmp_path_factory, share):
    content = (SAMPLE / "segmentations/liver.nii.gz").read_bytes()
    path = tmp_path_factory.mktemp("cut") / "liver.nii.gz"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match="cut short or damaged") as caught:
        read_nifti_voxels(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 255))
@example(1, 66)  # the length of a code that the stream never uses
def test_a_damaged_byte_in_the_compressed_data_is_noticed_unless_it_means_the_same(
    tmp_path_factory, position, change
):
    content = bytearray((SAMPLE / "ct.nii.gz").read_bytes())
    content[20 + position % (len(content) - 20)] ^= change
    path = tmp_path_factory.mktemp("bit") / "ct.nii.gz"
    path.write_bytes(content)
    try:
        voxels = read_nifti_voxels(path)
    except InputError:
        return
    assert (voxels == read_nifti_voxels(SAMPLE / "ct.nii.gz")).all()


def test_an_uncompressed_file_that_is_cut_is_refused(tmp_path):
    path = tmp_path / "ct.nii"
    path.write_bytes(gzip.decompress((SAMPLE / "ct.nii.gz").read_bytes())[:-100])
    with pytest.raises(InputError, match="cut short"):
        read_nifti_voxels(path)


def test_a_header_that_promises_more_than_a_file_can_hold_is_refused_before_memory_is_taken(tmp_path):
    content = bytearray(gzip.decompress((SAMPLE / "segmentations/liver.nii.gz").read_bytes()))
    content[42:48] = np.array([32000, 32000, 32000], "<i2").tobytes()
    path = tmp_path / "liver.nii.gz"
    path.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(InputError, match="cut short"):
        read_nifti_voxels(path)


@pytest.mark.parametrize("offset", [1e30, np.inf, np.nan, 1e6])
def test_a_damaged_offset_is_noticed(tmp_path, offset):
    content = bytearray(gzip.decompress((SAMPLE / "segmentations/liver.nii.gz").read_bytes()))
    content[108:112] = np.array([offset], "<f4").tobytes()
    path = tmp_path / "liver.nii"
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        read_nifti_voxels(path)


def test_header_extensions_are_seen():
    assert has_extension(SAMPLE / "segmentation_multilabel.nii.gz")
    assert not has_extension(SAMPLE / "ct.nii.gz")
