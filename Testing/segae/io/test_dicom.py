"""DICOM folders as people have them: the CT is read, the rest is named, and nothing is made up."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)

from segae.errors import InputError
from segae.io.ct import read_ct
from segae.io.readers import read_grid

SHAPE = (7, 10, 12)
SERIES = "1.2.3.4"
UPRIGHT, TURNED = [1.0, 0, 0, 0, 1, 0], [1.0, 0, 0, 0, 0, -1]
LOCALIZER = ["ORIGINAL", "PRIMARY", "LOCALIZER"]


def hounsfield() -> np.ndarray:
    return np.random.default_rng(5).integers(-1000, 1500, SHAPE).astype(np.int16)


def dataset(path: Path, syntax: str = ExplicitVRLittleEndian, **fields: Any) -> FileDataset:
    """A CT image without pixels; `fields` replace or, as None, remove what is usual."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    image = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128,
                        is_implicit_VR=meta.TransferSyntaxUID == ImplicitVRLittleEndian,
                        is_little_endian=syntax != ExplicitVRBigEndian)  # fmt: skip
    usual: dict[str, Any] = {
        "SOPClassUID": CTImageStorage, "SOPInstanceUID": meta.MediaStorageSOPInstanceUID, "Modality": "CT",
        "SeriesInstanceUID": SERIES, "StudyInstanceUID": "1.2.3", "ImageType": ["ORIGINAL", "PRIMARY"],
        "Rows": SHAPE[1], "Columns": SHAPE[2], "PixelSpacing": [2.0, 1.5], "ImageOrientationPatient": UPRIGHT,
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16,
        "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1, "RescaleSlope": 1,
        "RescaleIntercept": -1024,
    }  # fmt: skip
    for name, value in (usual | fields).items():
        if value is not None:
            setattr(image, name, value)
    return image


def save(image: FileDataset, path: Path, pixels: np.ndarray | None = None) -> Path:
    if pixels is not None:
        big = image.file_meta.TransferSyntaxUID == ExplicitVRBigEndian
        image.PixelData = np.ascontiguousarray(pixels, ">i2" if big else "<i2").tobytes()
        image["PixelData"].VR = "OW"
    if image.file_meta.TransferSyntaxUID == RLELossless:
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.compress(RLELossless, generate_instance_uid=False)
    image.save_as(path, enforce_file_format=True)
    return path


def write(
    folder: Path, values: np.ndarray | None = None, syntax: str = ExplicitVRLittleEndian, **fields: Any
):
    """A series with a file for each slice of `values` (Hounsfield units); slice k lies at z = 3 k."""
    folder.mkdir(exist_ok=True)
    prefix = str(fields.get("SeriesInstanceUID", "s")).rpartition(".")[2]
    for k, plane in enumerate(hounsfield() if values is None else values):
        path = folder / f"{prefix}{k:03d}.dcm"
        own = {"ImagePositionPatient": [-40.0, -60.0, 3.0 * k], "InstanceNumber": k + 1, **fields}
        save(dataset(path, syntax, **own), path, plane.astype(np.int32) + 1024)
    return folder


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless]
)
def test_every_kind_of_pixels_gives_hounsfield_units(tmp_path: Path, syntax: str) -> None:
    volume = read_ct(write(tmp_path / "ct", syntax=syntax))
    np.testing.assert_array_equal(volume.voxels, hounsfield())
    assert (volume.voxels.dtype, volume.findings) == (np.int16, ())
    expected = np.diag([-1.5, -2.0, 3.0, 1.0])
    expected[:3, 3] = (40, 60, 0)
    np.testing.assert_allclose(volume.grid.affine, expected)
    np.testing.assert_allclose(read_grid(tmp_path / "ct").affine, expected)


@pytest.mark.parametrize("io", ["jpeg", "jpegls", "j2k"])
def test_pixels_that_are_packed_are_unpacked(tmp_path: Path, io: str) -> None:
    """Files as SimpleITK writes them with compression."""
    folder = tmp_path / "ct"
    folder.mkdir()
    kinds = {"jpeg": "JPEG", "jpegls": "JPEG-LS", "j2k": "JPEG2000"}
    for k, plane in enumerate(hounsfield()):
        image = SimpleITK.GetImageFromArray(plane + 1024)
        tags = {
            "0008|0060": "CT", "0020|000e": SERIES, "0020|000d": "1.2.3", "0028|1052": "0", "0028|1053": "1",
            "0020|0032": f"0\\0\\{3 * k}", "0020|0037": "1\\0\\0\\0\\1\\0",
        }  # fmt: skip
        for key, value in tags.items():
            image.SetMetaData(key, value)
        writer = SimpleITK.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetImageIO("GDCMImageIO")
        writer.UseCompressionOn()
        writer.SetCompressor(kinds[io])
        writer.SetFileName(str(folder / f"{k}.dcm"))
        writer.Execute(image)
    packed = pydicom.dcmread(folder / "0.dcm").file_meta.TransferSyntaxUID
    assert packed.is_compressed
    np.testing.assert_array_equal(read_ct(folder).voxels, hounsfield() + 1024)
    victim = folder / "3.dcm"
    victim.write_bytes(victim.read_bytes()[:-60])
    with pytest.raises(InputError, match="cut short or damaged") as caught:
        read_ct(folder)
    assert "3.dcm" in str(caught.value)


def test_a_packing_that_is_not_read_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "ct") / "s003.dcm"
    image = pydicom.dcmread(path)
    image.PixelData = encapsulate([bytes(image.PixelData)])
    image["PixelData"].VR = "OB"
    image.file_meta.TransferSyntaxUID = HTJ2KLossless
    image.save_as(path)
    with pytest.raises(InputError, match=r"High-Throughput JPEG 2000 \(HTJ2K\).*unpack them first"):
        read_ct(tmp_path / "ct")


def multiframe(path: Path, order: list[int]) -> Path:
    """An enhanced CT whose frames stand in `order`."""
    image = dataset(path, SOPClassUID=EnhancedCTImageStorage, NumberOfFrames=SHAPE[0], PixelSpacing=None,
                    ImageOrientationPatient=None, RescaleSlope=None, RescaleIntercept=None)  # fmt: skip

    def group(name: str, **fields: Any) -> Dataset:
        inner, outer = Dataset(), Dataset()
        for key, value in fields.items():
            setattr(inner, key, value)
        setattr(outer, name, [inner])
        return outer

    shared = Dataset()
    for part in (
        group("PixelMeasuresSequence", PixelSpacing=[2.0, 1.5]),
        group("PlaneOrientationSequence", ImageOrientationPatient=UPRIGHT),
        group("PixelValueTransformationSequence", RescaleSlope=1, RescaleIntercept=-1024),
    ):
        shared.update(part)
    image.SharedFunctionalGroupsSequence = [shared]
    image.PerFrameFunctionalGroupsSequence = [
        group("PlanePositionSequence", ImagePositionPatient=[-40.0, -60.0, 3.0 * k]) for k in order
    ]
    return save(image, path, hounsfield()[order].astype(np.int32) + 1024)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1, 0], [3, 0, 1, 6, 2, 5, 4]])
def test_a_file_with_several_frames_is_read_by_their_positions(tmp_path: Path, order: list[int]) -> None:
    expected = read_ct(write(tmp_path / "ct"))
    for path in (multiframe(tmp_path / "ct.dcm", order), tmp_path / "folder"):
        if path.suffix != ".dcm":
            path.mkdir()
            shutil.copyfile(tmp_path / "ct.dcm", path / "IM0001")
        volume = read_ct(path)
        np.testing.assert_array_equal(volume.voxels, expected.voxels)
        np.testing.assert_allclose(volume.grid.affine, expected.grid.affine)


def test_frames_without_positions_are_refused(tmp_path: Path) -> None:
    image = dataset(tmp_path / "ct.dcm", NumberOfFrames=SHAPE[0])
    save(image, tmp_path / "ct.dcm", hounsfield())
    with pytest.raises(InputError, match=r"7 of 7 images .* do not say where they lie"):
        read_ct(tmp_path / "ct.dcm")


def messages(volume) -> str:
    return "\n".join(finding.message for finding in volume.findings)


def test_a_localizer_of_another_size_is_left_out_and_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "ct")
    place = {"ImageOrientationPatient": TURNED, "ImagePositionPatient": [0.0, 0, 0], "Rows": 4, "Columns": 5}
    scout = dataset(folder / "000.dcm", ImageType=LOCALIZER, **place)
    save(scout, folder / "000.dcm", np.zeros((4, 5)))
    volume = read_ct(folder)
    np.testing.assert_array_equal(volume.voxels, hounsfield())
    assert '"000.dcm"' in messages(volume) and "a localizer" in messages(volume)


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"Rows": 5, "Columns": 24}, "of another size"),
        ({"ImageOrientationPatient": [0.0, 1, 0, 0, 0, -1]}, "orientation"),
    ],
)
def test_a_member_of_another_shape_is_left_out_and_named(tmp_path: Path, odd: dict, why: str) -> None:
    folder = write(tmp_path / "ct")
    save(
        dataset(folder / "odd.dcm", ImagePositionPatient=[0.0, 0, 90], **odd),
        folder / "odd.dcm",
        np.zeros(120),
    )
    volume = read_ct(folder)
    assert volume.voxels.shape == SHAPE and '"odd.dcm"' in messages(volume) and why in messages(volume)


def test_a_slice_of_another_orientation_that_leaves_a_gap_is_refused_and_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "ct")
    image = pydicom.dcmread(folder / "s003.dcm")
    image.ImageOrientationPatient = TURNED
    image.save_as(folder / "s003.dcm")
    with pytest.raises(InputError, match=r"s002.dcm.* and .*s004.dcm.* 6 mm apart .* 3 mm.*s003.dcm"):
        read_ct(folder)


def test_two_orientations_in_equal_numbers_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "ct")
    for path in sorted(folder.iterdir()):
        image = pydicom.dcmread(path)
        image.ImageOrientationPatient = TURNED
        image.save_as(folder / f"b{path.name}")
    with pytest.raises(InputError, match="2 different values of orientation"):
        read_ct(folder)


@pytest.mark.parametrize("missing", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_positions_are_not_made_up(tmp_path: Path, missing: str) -> None:
    folder = write(tmp_path / "ct", **{missing: None})  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"7 of 7 images .* do not say where they lie in the patient"):
        read_ct(folder)


def test_two_volumes_in_one_series_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "ct")
    for k, path in enumerate(sorted(folder.iterdir())):
        save(
            dataset(path, ImagePositionPatient=[-40.0, -60.0, 3.0 * k]), folder / f"b{k}.dcm", hounsfield()[k]
        )
    with pytest.raises(InputError, match="2 images at each place"):
        read_ct(folder)


def test_a_copy_of_a_file_does_no_harm_and_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "ct")
    shutil.copyfile(folder / "s002.dcm", folder / "s002 (1).dcm")
    volume = read_ct(folder)
    np.testing.assert_array_equal(volume.voxels, hounsfield())
    assert "a copy of another file" in messages(volume)


def test_what_is_no_ct_is_not_counted(tmp_path: Path) -> None:
    folder = write(tmp_path / "ct")
    write(folder, Modality="PT", SeriesInstanceUID="1.2.77")
    write(
        folder, hounsfield()[:2], SeriesInstanceUID="1.2.88", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]
    )
    for n, modality in enumerate(("SEG", "RTSTRUCT", "SR")):
        none = {"Rows": None, "Columns": None, "Modality": modality, "SeriesInstanceUID": f"1.3.{n}"}
        other = dataset(folder / "x.dcm", **none)
        save(other, folder / f"x{n}.dcm")
    (folder / "LICENSE").write_text("text")
    (folder / "._s000.dcm").write_bytes(b"\0\5\x16\7")
    (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    volume = read_ct(folder)
    np.testing.assert_array_equal(volume.voxels, hounsfield())
    named = (
        "PET images",
        "localizers",
        "segmentations",
        "structure sets",
        "reports",
        '"LICENSE"',
        '"DICOMDIR"',
    )
    assert all(word in messages(volume) for word in named), messages(volume)
    assert {finding.severity for finding in volume.findings} == {"info"}


def test_of_two_ct_series_one_is_chosen_by_its_uid(tmp_path: Path) -> None:
    folder = write(tmp_path / "ct")
    write(folder, hounsfield()[::2], SeriesInstanceUID="1.2.99", SeriesDescription="Lung 6mm")
    with pytest.raises(InputError, match="choose one with --series") as caught:
        read_ct(folder)
    assert '1.2.99 (4 files) "Lung 6mm"' in str(caught.value) and "1.2.3.4 (7 files)" in str(caught.value)
    assert read_ct(folder, series="1.2.99").voxels.shape[0] == 4
    assert read_ct(folder, series=SERIES).voxels.shape[0] == 7


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "ct")
    (folder / "empty.dcm").write_bytes(b"")
    assert "empty.dcm" in messages(read_ct(folder)) and "0 bytes" in messages(read_ct(folder))


def test_a_folder_above_the_series_names_the_folder_to_give(tmp_path: Path) -> None:
    write(tmp_path / "series")
    with pytest.raises(InputError, match=r"series.* does; give that folder"):
        read_ct(tmp_path)


def test_numbers_without_rescale_are_told(tmp_path: Path) -> None:
    volume = read_ct(write(tmp_path / "ct", RescaleSlope=None, RescaleIntercept=None))
    assert [finding.code for finding in volume.findings] == ["NO_RESCALE"]


def test_bits_above_those_that_are_stored_are_ignored(tmp_path: Path) -> None:
    folder = write(tmp_path / "ct", BitsStored=12, HighBit=11, PixelRepresentation=0, RescaleIntercept=-1024)
    for path in folder.iterdir():
        image = pydicom.dcmread(path)
        pixels = np.frombuffer(image.PixelData, "<u2") | 0x8000  # as an overlay in the highest bit
        image.PixelData = pixels.tobytes()
        image.save_as(path)
    np.testing.assert_array_equal(read_ct(folder).voxels, hounsfield())


def test_every_cut_and_most_changes_end_in_a_sentence(tmp_path: Path) -> None:
    folder = write(tmp_path / "ct")
    path, chance = folder / "s003.dcm", np.random.default_rng(4)
    whole = path.read_bytes()
    for at in chance.integers(1, len(whole), 40):
        path.write_bytes(whole[:at])
        with pytest.raises(InputError) as caught:
            read_ct(folder)
        assert "\n" not in str(caught.value)
    header = len(whole) - 2 * SHAPE[1] * SHAPE[2]
    for at in chance.integers(132, header, 80):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << int(chance.integers(8)))]) + whole[at + 1 :])
        try:
            read_ct(folder)
        except InputError as error:
            assert "\n" not in str(error)


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # of writing such a file
def test_nothing_of_the_libraries_reaches_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "ct", PatientID="x" * 200, PatientBirthDate="no date")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_ct(folder)
    assert capfd.readouterr() == ("", "")
