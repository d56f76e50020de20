"""A CT is read from every usual format with the same voxels and the same place in the patient."""

import re
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from segae.errors import InputError
from segae.geometry.compare import describe_difference
from segae.io.ct import read_ct

SAMPLE = Path(__file__).parents[3] / "SegAE/Resources/SampleData/totalsegmentator_s0001"
CT = SAMPLE / "ct.nii.gz"


def one_sentence(error: pytest.ExceptionInfo[InputError], path: Path) -> str:
    text = str(error.value)
    assert str(path) in text and "\n" not in text and "itk" not in text.lower().replace(str(path), "")
    return text


def write(array: np.ndarray, path: Path, vector: bool = False) -> Path:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array, isVector=vector), str(path))
    return path


def write_dicom(
    volume: SimpleITK.Image, folder: Path, positions: list[np.ndarray] | None = None, **tags: str
) -> Path:
    """A DICOM series of an int16 image; `tags` replace the usual ones, keys like "t0008_0060"."""
    folder.mkdir(exist_ok=True)
    d = volume.GetDirection()
    usual = {
        "0008|0060": "CT", "0020|000e": "1.2.3.4", "0020|000d": "1.2.3", "0028|1053": "1",
        "0028|1052": "-1024", "0020|0037": "\\".join(str(d[n]) for n in (0, 3, 6, 1, 4, 7)),
    }  # fmt: skip
    usual |= {key[1:].replace("_", "|"): value for key, value in tags.items()}
    for k in range(volume.GetDepth()):
        plane = volume[:, :, k]
        position = volume.TransformIndexToPhysicalPoint((0, 0, k)) if positions is None else positions[k]
        own = {"0020|0032": "\\".join(f"{x:.6f}" for x in position), "0020|0013": str(k)}
        for key, value in (usual | own).items():
            plane.SetMetaData(key, value)
        writer = SimpleITK.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(folder / f"{usual['0020|000e']}_{k:03d}.dcm"))
        writer.Execute(plane)
    return folder


def small_ct() -> SimpleITK.Image:
    return SimpleITK.ReadImage(str(CT), SimpleITK.sitkInt16)[20:60, 30:60, 5:13]


def test_nifti_gives_the_affine_that_nibabel_gives():
    volume, image = read_ct(CT), nibabel.Nifti1Image.from_filename(CT)
    np.testing.assert_allclose(volume.grid.affine, np.array(image.affine, float), atol=1e-4)
    np.testing.assert_array_equal(volume.voxels, np.asarray(image.dataobj).T)
    assert (volume.grid.size, volume.voxels.dtype, volume.source) == ((122, 101, 30), np.int16, str(CT))


@pytest.mark.parametrize("name", ["ct.nii", "ct.nrrd", "ct.nhdr", "ct.mha", "ct.mhd"])
@pytest.mark.parametrize("compressed", [True, False])
def test_other_formats_give_the_same_volume(tmp_path, name, compressed):
    image = SimpleITK.ReadImage(str(CT))
    for key in image.GetMetaDataKeys():
        image.EraseMetaData(key)
    SimpleITK.WriteImage(image, str(tmp_path / name), useCompression=compressed)
    volume, expected = read_ct(tmp_path / name), read_ct(CT)
    np.testing.assert_array_equal(volume.voxels, expected.voxels)
    assert describe_difference(volume.grid, expected.grid) is None
    assert volume.voxels.dtype == np.int16


def test_a_dicom_series_gives_hounsfield_units_in_place(tmp_path):
    image = small_ct()
    volume = read_ct(write_dicom(image, tmp_path / "series"))
    SimpleITK.WriteImage(image, str(tmp_path / "same.nrrd"))
    same = read_ct(tmp_path / "same.nrrd")
    np.testing.assert_array_equal(volume.voxels, same.voxels)
    assert describe_difference(volume.grid, same.grid) is None


def test_a_tilted_gantry_is_kept_in_the_third_axis(tmp_path):
    image = small_ct()
    step = np.array([0.0, 0.9, 2.8])
    positions = [np.array(image.GetOrigin()) + k * step for k in range(image.GetDepth())]
    volume = read_ct(write_dicom(image, tmp_path / "series", positions))
    np.testing.assert_allclose(volume.grid.affine[:3, 2], (0, -0.9, 2.8), atol=1e-4)


def test_a_missing_slice_in_a_series_is_an_error(tmp_path):
    folder = write_dicom(small_ct(), tmp_path / "series")
    (folder / "1.2.3.4_003.dcm").unlink()
    with pytest.raises(InputError, match="not evenly spaced") as caught:
        read_ct(folder)
    one_sentence(caught, folder)


def test_of_several_series_none_is_picked_silently(tmp_path):
    folder = write_dicom(small_ct(), tmp_path / "series")
    write_dicom(small_ct()[:, :, :3], folder, t0020_000e="1.2.3.5")
    with pytest.raises(InputError, match=r"1\.2\.3\.4.* \(8 files\).*1\.2\.3\.5.* \(3 files\)") as caught:
        read_ct(folder)
    listed = re.findall(r"([\d.]+\S*) \(\d files\)", one_sentence(caught, folder))
    assert [read_ct(folder, series=uid).grid.size[2] for uid in listed] == [8, 3]
    with pytest.raises(InputError, match="no DICOM series 9"):
        read_ct(folder, series="9")


def test_an_mr_series_is_refused(tmp_path):
    with pytest.raises(InputError, match="modality MR"):
        read_ct(write_dicom(small_ct(), tmp_path / "series", t0008_0060="MR"))


def test_folders_without_readable_slices_are_refused(tmp_path):
    (tmp_path / "readme.txt").write_text("no image")
    (tmp_path / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"rubbish" * 20)
    with pytest.raises(InputError, match="no readable DICOM") as caught:
        read_ct(tmp_path)
    one_sentence(caught, tmp_path)


def test_a_cut_dicom_slice_is_refused(tmp_path):
    folder = write_dicom(small_ct(), tmp_path / "series")
    victim = folder / "1.2.3.4_004.dcm"
    victim.write_bytes(victim.read_bytes()[:900])
    with pytest.raises(InputError) as caught:
        read_ct(folder)
    one_sentence(caught, folder)


@pytest.mark.parametrize("name", ["ct.nii.gz", "ct.nii", "ct.nrrd", "ct.mha", "ct.dcm", "ct.txt", "ct"])
def test_text_under_an_image_name_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_text("This is no image.\n" * 100)
    with pytest.raises(InputError) as caught:
        read_ct(path)
    one_sentence(caught, path)


@pytest.mark.parametrize("name", ["ct.mha", "ct.nrrd"])
def test_a_gzipped_nifti_under_another_name_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(CT.read_bytes())
    with pytest.raises(InputError, match=r"content of .* is NIfTI.*rename it to end in .nii") as caught:
        read_ct(path)
    one_sentence(caught, path)


def test_nifti_that_is_packed_though_its_name_does_not_say_so_is_read(tmp_path):
    path = tmp_path / "ct.nii"
    path.write_bytes(CT.read_bytes())
    np.testing.assert_array_equal(read_ct(path).voxels, read_ct(CT).voxels)


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz", "ct.nrrd", "ct.mha"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
def test_a_cut_file_is_refused(tmp_path, name, share):
    whole = tmp_path / ("whole_" + name)
    write(np.random.default_rng(0).integers(-1000, 1000, (5, 40, 40)).astype(np.int16), whole)
    path = tmp_path / name
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    with pytest.raises(InputError) as caught:
        read_ct(path)
    one_sentence(caught, path)


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match="There is no file"):
        read_ct("/nowhere/ct.nii.gz")


def test_four_dimensions_and_colours_are_refused(tmp_path):
    with pytest.raises(InputError, match="4 dimensions"):
        read_ct(write(np.zeros((2, 3, 4, 5), np.int16), tmp_path / "4d.nii.gz"))
    with pytest.raises(InputError, match="3 values per voxel"):
        read_ct(write(np.zeros((3, 4, 5, 3), np.uint8), tmp_path / "rgb.nrrd", vector=True))
    with pytest.raises(InputError, match="2 dimensions"):
        read_ct(write(np.zeros((4, 5), np.int16), tmp_path / "2d.nii.gz"))


def test_a_volume_of_one_slice_is_read(tmp_path):
    assert read_ct(write(np.zeros((1, 4, 5), np.int16), tmp_path / "ct.nii.gz")).grid.size == (5, 4, 1)


@pytest.mark.parametrize(
    ("stored", "read"),
    [("uint16", "int16"), ("int32", "int16"), ("uint8", "int16"), ("float64", "float32"), ("float32",) * 2],
)
def test_integers_that_fit_become_int16_and_the_rest_float32(tmp_path, stored, read):
    values = np.arange(60).reshape(3, 4, 5)
    volume = read_ct(write(values.astype(stored), tmp_path / "ct.nii.gz"))
    assert volume.voxels.dtype == np.dtype(read)
    np.testing.assert_array_equal(volume.voxels, values)


def test_integers_beyond_int16_are_not_cut(tmp_path):
    values = np.full((3, 4, 5), 100_000, np.int32)
    np.testing.assert_array_equal(read_ct(write(values, tmp_path / "ct.nrrd")).voxels, values)


def test_text_in_a_header_that_is_not_utf8_does_no_harm(tmp_path):
    content = write(np.zeros((3, 4, 5), np.int16), tmp_path / "whole.nrrd").read_bytes()
    head, data = content.split(b"\n\n", 1)
    path = tmp_path / "ct.nrrd"
    path.write_bytes(head + b"\nremark\xe9:=caf\xe9\nother:=caf\xe9\n\n" + data)
    assert read_ct(path).grid.size == (5, 4, 3)


def test_a_header_that_does_not_tell_left_from_right_is_refused(tmp_path):
    path = tmp_path / "ct.nii.gz"
    nibabel.Nifti1Image(np.zeros((3, 4, 5), np.int16), None).to_filename(path)
    with pytest.raises(InputError, match="qform and sform are both 0"):
        read_ct(path)
