"""Masks that are written as DICOM segmentations: what is read again is what was written."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import CT, OBLIQUE, SHAPE, SPLEEN, blobs, described, item, write_ct, write_seg
from pydicom.uid import EnhancedCTImageStorage

from segae.data import Segment, Segmentation
from segae.errors import InputError, OutputError
from segae.geometry.grid import Grid
from segae.geometry.orientation import orient_array, orient_grid
from segae.io.ct import read_ct
from segae.io.dicom_seg_writer import write_dicom_seg
from segae.io.segmentation import read_segmentation
from segae.labels.identify import identify

NAMES = ("liver", "kidney_left", "costa 7 left", "muscles", "Łebek wątroby", "spleen")


def segmentation(grid: Grid, overlap: bool, names=NAMES) -> Segmentation:
    """A mask for each name; the last one is empty."""
    segments = []
    for n, name in enumerate(names):
        mask = np.zeros(grid.shape, bool)
        if n + 1 < len(names):
            mask[n : n + 3, 2 * n : 2 * n + (4 if overlap else 2), 3 + n : 15] = True
        segments.append(Segment.from_mask(name, identify(name).structure, mask, grid))
    return Segmentation(tuple(segments))


def check(path: Path, ct: CT | Path, written: Segmentation) -> None:
    volume = read_ct(ct if isinstance(ct, Path) else ct.folder)
    found = read_segmentation(path, ct=volume.place)
    assert [s.name for s in found.segments] == [s.name for s in written.segments]
    assert [s.structure for s in found.segments] == [s.structure for s in written.segments]
    for one, other in zip(found.segments, written.segments, strict=True):
        placed, expected = one.placed_on(volume.grid), other.placed_on(volume.grid)
        assert placed is not None and expected is not None
        np.testing.assert_array_equal(placed.full_mask(), expected.full_mask())


@pytest.mark.parametrize("overlap", [False, True])
def test_voxels_names_and_organs_come_back(tmp_path: Path, ct: CT, overlap: bool):
    masks = segmentation(read_ct(ct.folder).grid, overlap)
    write_dicom_seg(masks, ct.folder, tmp_path / "seg.dcm")
    check(tmp_path / "seg.dcm", ct, masks)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ct", "seg.dcm"]


def test_codes_say_the_organ_without_its_name(tmp_path: Path, ct: CT):
    masks = segmentation(read_ct(ct.folder).grid, False)
    write_dicom_seg(masks, ct.folder, tmp_path / "seg.dcm")
    data = pydicom.dcmread(tmp_path / "seg.dcm")
    for one in data.SegmentSequence:
        one.SegmentLabel = f"Segment_{one.SegmentNumber}"
    data.save_as(tmp_path / "seg.dcm")
    found = read_segmentation(tmp_path / "seg.dcm").segments
    assert [s.structure for s in found] == [s.structure for s in masks.segments]


@pytest.mark.parametrize(
    ("orientation", "step"),
    [(OBLIQUE, None), ((1.0, 0, 0, 0, 1.0, 0), (0, 0.6, 3.0))],
    ids=["turned", "gantry"],
)
def test_oblique_and_tilted_scans_come_back(tmp_path: Path, orientation, step):
    ct = write_ct(tmp_path / "ct", orientation=orientation, step=step)
    masks = segmentation(read_ct(ct.folder).grid, False)
    write_dicom_seg(masks, ct.folder, tmp_path / "seg.dcm")
    check(tmp_path / "seg.dcm", ct, masks)


def test_masks_in_another_axis_order_are_put_into_that_of_the_ct(tmp_path: Path, ct: CT):
    grid = read_ct(ct.folder).grid
    turned = [
        Segment.from_mask(
            s.name, s.structure, orient_array(s.full_mask(), grid, "RAS"), orient_grid(grid, "RAS")
        )
        for s in segmentation(grid, False).segments
    ]
    write_dicom_seg(Segmentation(tuple(turned)), ct.folder, tmp_path / "seg.dcm")
    check(tmp_path / "seg.dcm", ct, segmentation(grid, False))


def test_a_ct_in_one_file_with_frames_in_any_order(tmp_path: Path, ct: CT):
    single = [pydicom.dcmread(ct.folder / f"IM{k:03d}") for k in range(SHAPE[0])]
    order = np.random.default_rng(1).permutation(SHAPE[0]).tolist()
    multi = pydicom.dcmread(ct.folder / "IM000")
    multi.SOPClassUID = multi.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    measures = item(PixelSpacing=multi.PixelSpacing, SliceThickness=3)
    values = item(RescaleSlope=1, RescaleIntercept=0)
    orientation = item(ImageOrientationPatient=multi.ImageOrientationPatient)
    multi.SharedFunctionalGroupsSequence = [
        item(PixelMeasuresSequence=[measures], PlaneOrientationSequence=[orientation],
             PixelValueTransformationSequence=[values])
    ]  # fmt: skip
    multi.PerFrameFunctionalGroupsSequence = [
        item(PlanePositionSequence=[item(ImagePositionPatient=single[k].ImagePositionPatient)],
             FrameContentSequence=[item(StackID="1", InStackPositionNumber=n + 1)])
        for n, k in enumerate(order)
    ]  # fmt: skip
    multi.NumberOfFrames = SHAPE[0]
    multi.PixelData = b"".join(single[k].PixelData for k in order)
    for name in ("PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "RescaleSlope"):
        del multi[name]
    multi.save_as(tmp_path / "enhanced.dcm")
    masks = segmentation(read_ct(tmp_path / "enhanced.dcm").grid, False)
    write_dicom_seg(masks, tmp_path / "enhanced.dcm", tmp_path / "seg.dcm")
    check(tmp_path / "seg.dcm", tmp_path / "enhanced.dcm", masks)


def test_a_ct_that_was_made_anonymous_is_enough(tmp_path: Path):
    ct = write_ct(
        tmp_path / "ct", PatientSex="X", SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg"
    )
    for path in ct.folder.iterdir():
        data = pydicom.dcmread(path)
        for name in ("PatientID", "PatientBirthDate", "StudyID", "StudyDate", "StudyTime", "AccessionNumber",
                     "ReferringPhysicianName"):  # fmt: skip
            del data[name]
        data.save_as(path)
    masks = segmentation(read_ct(ct.folder).grid, False)
    write_dicom_seg(masks, ct.folder, tmp_path / "seg.dcm")
    check(tmp_path / "seg.dcm", ct, masks)
    assert str(pydicom.dcmread(tmp_path / "seg.dcm").PatientName) == "Müller^Jörg"


def test_what_cannot_be_written_is_said_and_leaves_no_file(tmp_path: Path, ct: CT):
    grid = read_ct(ct.folder).grid
    masks = segmentation(grid, False)
    moved = Grid(grid.size, grid.affine + np.array([0, 0, 0, 1.0])[None, :] * np.array([[5], [0], [0], [0]]))
    refused = {
        "does not lie on the grid": (segmentation(moved, False), ct.folder),
        "no mask with voxels": (segmentation(grid, False, names=("liver",)), ct.folder),
        "no readable DICOM images": (masks, tmp_path),
    }
    for why, (given, place) in refused.items():
        with pytest.raises(InputError, match=why):
            write_dicom_seg(given, place, tmp_path / "seg.dcm")
    with pytest.raises(OutputError):
        write_dicom_seg(masks, ct.folder, ct.folder / "IM000" / "seg.dcm")
    assert [path.name for path in tmp_path.iterdir()] == ["ct"] and len(list(ct.folder.iterdir())) == SHAPE[0]


def test_the_ct_and_the_masks_are_never_written_over(tmp_path: Path, ct: CT):
    path = write_seg(
        tmp_path / "seg.dcm", ct, blobs(), [described(1, "liver"), described(2, "spleen", SPLEEN)]
    )
    masks = read_segmentation(path)
    before = path.read_bytes()
    for place in (path, ct.folder / "IM003"):
        with pytest.raises(InputError, match="write to another file"):
            write_dicom_seg(masks, ct.folder, place)
    assert path.read_bytes() == before
    write_dicom_seg(masks, ct.folder, tmp_path / "copy.dcm")
    check(tmp_path / "copy.dcm", ct, masks)


def test_many_large_masks_that_overlap_are_refused_before_memory_is_full(tmp_path: Path, ct: CT, monkeypatch):
    monkeypatch.setattr("segae.io.dicom_seg_writer._MOST", 1000)
    masks = segmentation(read_ct(ct.folder).grid, True)
    with pytest.raises(InputError, match="overlap and would need"):
        write_dicom_seg(masks, ct.folder, tmp_path / "seg.dcm")


def test_without_highdicom_one_sentence_says_what_to_install(tmp_path: Path, ct: CT, monkeypatch):
    monkeypatch.setitem(sys.modules, "highdicom.seg", None)
    with pytest.raises(InputError, match=r'pip install "segae\[dicom\]"'):
        write_dicom_seg(segmentation(read_ct(ct.folder).grid, False), ct.folder, tmp_path / "seg.dcm")
