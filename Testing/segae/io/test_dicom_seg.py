"""DICOM segmentations: the masks that were drawn, on the grid of the CT, named by their codes."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from dicom_files import (
    CT,
    KIDNEY,
    LEFT,
    LIVER,
    OBLIQUE,
    SHAPE,
    SPLEEN,
    TWO,
    Contour,
    blobs,
    coded,
    described,
    item,
    read,
    rectangle,
    write_ct,
    write_dcmqi,
    write_rtstruct,
    write_seg,
)
from pydicom.sr.coding import Code
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from segae.checks.preflight import run_preflight
from segae.errors import InputError
from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation


def on_ct(path: Path, ct: CT) -> dict[str, np.ndarray]:
    """The masks of a file on the grid of the CT, by the name of their structure."""
    volume = read_ct(ct.folder)
    placed = run_preflight(volume, read(path, ct)).segmentation.segments
    assert all(segment.grid is volume.grid for segment in placed)
    return {str(segment.structure): segment.full_mask() for segment in placed}


def check(found: dict[str, np.ndarray], masks: np.ndarray) -> None:
    assert list(found) == ["liver", "spleen"]
    np.testing.assert_array_equal(np.stack(list(found.values()), axis=-1), masks != 0)


def test_segments_that_overlap_are_read_by_their_codes_onto_the_grid_of_the_ct(tmp_path: Path, ct: CT):
    path = write_seg(tmp_path / "seg.dcm", ct, blobs(), TWO)
    check(on_ct(path, ct), blobs())
    read_again = read(path, ct)
    assert [s.name for s in read_again.segments] == ["liver", "the other"] and read_again.findings == ()


@pytest.mark.parametrize("name", ["IM7", "masks.nii.gz", "masks.dcm"])
def test_a_segmentation_is_known_by_its_content_and_not_by_its_name(tmp_path: Path, ct: CT, name: str):
    path = write_seg(tmp_path / name, ct, blobs(), TWO)
    check(on_ct(path, ct), blobs())


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_a_label_map_is_read_packed_or_not(tmp_path: Path, syntax: str):
    ct = write_ct(tmp_path / "larger", (SHAPE[0], 36, 40))
    labels = blobs()[..., 0] + 2 * blobs()[..., 1] * (blobs()[..., 0] == 0)
    labels = np.pad(labels, ((0, 0), (0, 16), (0, 16)))
    masks = np.stack([labels == 1, labels == 2], axis=-1)
    for own in (ExplicitVRLittleEndian, syntax):
        path = write_seg(
            tmp_path / "seg", ct, labels.astype(np.uint8), TWO, "LABELMAP", transfer_syntax_uid=own
        )
        check(on_ct(path, ct), masks)


def test_the_background_of_a_label_map_is_no_mask(tmp_path: Path, ct: CT):
    """Described as a segment, with another value for what has no frame, as dcmqi writes it."""
    labels = blobs()[..., 0] + 2 * blobs()[..., 1] * (blobs()[..., 0] == 0)
    path = write_seg(tmp_path / "seg", ct, labels.astype(np.uint8), TWO, "LABELMAP")
    data = pydicom.dcmread(path)
    background = copy.deepcopy(data.SegmentSequence[0])
    background.SegmentNumber, background.SegmentLabel = 0, "Background"
    data.SegmentSequence = [background, *[one for one in data.SegmentSequence if one.SegmentNumber]]
    data.PixelPaddingValue = 5
    data.save_as(path)
    check(on_ct(path, ct), np.stack([labels == 1, labels == 2], axis=-1))
    assert [s.name for s in read(path, ct).segments] == ["liver", "the other"]


@pytest.mark.parametrize("fractional", ["PROBABILITY", "OCCUPANCY"])
def test_fractions_are_cut_off_at_one_half_and_that_is_said(tmp_path: Path, ct: CT, fractional: str):
    masks = blobs() * np.where(np.arange(SHAPE[2]) < 8, 0.49, 0.51)[:, None]
    path = write_seg(tmp_path / "seg", ct, masks, TWO, "FRACTIONAL", fractional_type=fractional,
                     transfer_syntax_uid=RLELossless)  # fmt: skip
    check(on_ct(path, ct), masks > 0.5)
    (finding,) = read(path, ct).findings
    assert (finding.code, finding.severity) == ("FRACTIONAL_MASK", "warning")
    assert "from 0.5 on" in finding.message


def test_frames_may_stand_in_any_order_and_others_be_missing(tmp_path: Path, ct: CT):
    masks = blobs()
    masks[3, ..., 0] = 0  # a gap in the middle
    path = write_seg(tmp_path / "seg", ct, masks, TWO)
    data = pydicom.dcmread(path)
    order = np.random.default_rng(0).permutation(data.NumberOfFrames)
    frames = data.pixel_array[order]
    data.PerFrameFunctionalGroupsSequence = [data.PerFrameFunctionalGroupsSequence[n] for n in order.tolist()]
    data.PixelData = np.packbits(frames.ravel(), bitorder="little").tobytes()
    data.save_as(path)
    check(on_ct(path, ct), masks)


def test_one_slice_alone_lies_where_it_was_drawn(tmp_path: Path, ct: CT):
    masks = np.zeros((*SHAPE, 2), np.uint8)
    masks[5, 2:6, 3:9, 0] = 1
    path = write_seg(tmp_path / "seg", ct, masks, TWO)
    volume = read_ct(ct.folder)
    (liver,) = run_preflight(volume, read(path, ct)).segmentation.segments
    np.testing.assert_array_equal(liver.full_mask(), masks[..., 0] != 0)


def test_slices_far_apart_without_a_distance_lie_on_the_slices_of_the_ct(tmp_path: Path, ct: CT):
    masks = np.zeros((*SHAPE, 2), np.uint8)
    masks[[0, 6], 2:6, 3:9, 0] = masks[[0, 6], 7:9, 3:9, 1] = 1
    path = write_seg(tmp_path / "seg", ct, masks, TWO)
    data = pydicom.dcmread(path)
    measures = data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    del measures.SpacingBetweenSlices
    data.save_as(path)
    check(on_ct(path, ct), masks)


@pytest.mark.parametrize(("distance", "fits"), [(1.0, True), (3.0, True), (6.0, False)])
def test_a_distance_that_the_ct_does_not_have(tmp_path: Path, ct: CT, distance: float, fits: bool):
    """Slices of the CT lie 3 mm apart: a smaller number in the file is wrong, a larger one another grid."""
    masks = np.zeros((*SHAPE, 2), np.uint8)
    masks[[0, 2, 4], 2:6, 3:9, 0] = masks[[0, 2, 4], 7:9, 3:9, 1] = 1
    path = write_seg(tmp_path / "seg", ct, masks, TWO)
    data = pydicom.dcmread(path)
    data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = distance
    data.save_as(path)
    if fits:
        check(on_ct(path, ct), masks)
    else:
        (error,) = run_preflight(read_ct(ct.folder), read(path, ct)).errors
        assert error.code == "GRID_DIFFERS"


@pytest.mark.parametrize(
    ("orientation", "step"),
    [(OBLIQUE, None), ((1.0, 0, 0, 0, 0.8, -0.6), None), ((1.0, 0, 0, 0, 1.0, 0), (0, 0.6, 3.0))],
    ids=["turned", "tilted", "gantry"],
)
def test_oblique_and_tilted_scans_keep_every_voxel(tmp_path: Path, orientation, step):
    ct = write_ct(tmp_path / "oblique", orientation=orientation, step=step)
    check(on_ct(write_seg(tmp_path / "seg", ct, blobs(), TWO), ct), blobs())


def test_a_segment_without_frames_is_an_empty_mask(tmp_path: Path, ct: CT):
    masks = blobs()
    masks[..., 1] = 0
    path = write_seg(tmp_path / "seg", ct, masks, TWO)
    liver, spleen = read(path, ct).segments
    assert spleen.is_empty and not liver.is_empty
    findings = run_preflight(read_ct(ct.folder), read(path, ct)).findings
    assert [f.segments for f in findings if f.code == "EMPTY_MASK"] == [("the other",)]


def test_masks_without_any_voxel_are_refused_by_the_preflight(tmp_path: Path, ct: CT):
    path = write_seg(tmp_path / "seg", ct, blobs() * 0, TWO, omit_empty_frames=False)
    (error,) = run_preflight(read_ct(ct.folder), read(path, ct)).errors
    assert error.code == "EMPTY_MASK" and "Every mask" in error.message


SRT_TISSUE = Code("T-D0050", "SRT", "Tissue")


def dcmqi_segment(number: int, label: str, kind: Code, category: Code = SRT_TISSUE, **codes: Code):
    """A segment as dcmqi describes it: drawn by a program, coloured, with codes as its JSON file has them."""
    one = item(SegmentNumber=number, SegmentLabel=label, SegmentDescription="drawn", SegmentAlgorithmName="e",
               SegmentAlgorithmType="SEMIAUTOMATIC", RecommendedDisplayCIELabValue=[43803, 26565, 37722],
               SegmentedPropertyCategoryCodeSequence=[coded(category)],
               SegmentedPropertyTypeCodeSequence=[coded(kind)])  # fmt: skip
    if "modifier" in codes:
        inner = one.SegmentedPropertyTypeCodeSequence[0]
        inner.SegmentedPropertyTypeModifierCodeSequence = [coded(codes["modifier"])]
    if "region" in codes:
        one.AnatomicRegionSequence = [coded(codes["region"])]
        if "region_modifier" in codes:
            region = one.AnatomicRegionSequence[0]
            region.AnatomicRegionModifierSequence = [coded(codes["region_modifier"])]
    return one


SRT_LEFT = Code("G-A101", "SRT", "Left")


@pytest.mark.parametrize(
    "first",
    [
        dcmqi_segment(1, "Segment 1", Code("T-62000", "SRT", "Liver")),
        dcmqi_segment(1, "Segment 1", LIVER, Code("91723000", "SCT", "Anatomical Structure")),
        dcmqi_segment(1, "Segment 1", SRT_TISSUE, region=Code("T-62000", "SRT", "Liver")),
        dcmqi_segment(1, "Liver", Code("272673000", "SCT", "Bone")),
    ],
    ids=["organ as tissue", "category of the standard", "region", "label"],
)
def test_what_dcmqi_writes_is_read_with_its_codes(tmp_path: Path, ct: CT, first):
    second = dcmqi_segment(2, "Segment 2", SPLEEN)
    check(on_ct(write_dcmqi(tmp_path / "seg.dcm", ct, blobs(), [first, second]), ct), blobs())


@pytest.mark.parametrize(
    "one",
    [
        dcmqi_segment(1, "a", KIDNEY, Code("123037004", "SCT", "Anatomical Structure"), modifier=LEFT),
        dcmqi_segment(1, "a", Code("T-71000", "SRT", "Kidney"), modifier=SRT_LEFT),
        dcmqi_segment(1, "a", SRT_TISSUE, region=KIDNEY, region_modifier=LEFT),
        dcmqi_segment(1, "a", KIDNEY, region=KIDNEY, region_modifier=LEFT),
        dcmqi_segment(1, "kidney_left", KIDNEY, Code("123037004", "SCT", "Anatomical Structure")),
    ],
)
def test_the_side_comes_from_a_modifier_or_from_the_label(tmp_path: Path, ct: CT, one):
    path = write_dcmqi(tmp_path / "seg.dcm", ct, blobs()[..., :1], [one])
    assert [str(s.structure) for s in read(path, ct).segments] == ["kidney left"]


def test_a_lesion_is_not_taken_for_the_organ_it_lies_in(tmp_path: Path, ct: CT):
    lesion = Code("49755003", "SCT", "Morphologically Altered Structure")
    segments = [
        described(1, "liver"),
        described(2, "liver mass", Code("4147007", "SCT", "Mass"), None, lesion),
    ]
    liver, mass = read(write_seg(tmp_path / "seg", ct, blobs(), segments), ct).segments
    assert mass.structure is None and "a lesion" in mass.reason and str(liver.structure) == "liver"


def test_segments_of_one_label_stay_apart(tmp_path: Path, ct: CT):
    path = write_seg(tmp_path / "seg", ct, blobs(), [described(1, "liver"), described(2, "liver")])
    read_twice = read(path, ct)
    assert [s.name for s in read_twice.segments] == ["liver [1]", "liver [2]"]
    assert [f.code for f in read_twice.findings] == ["SAME_NAME"]


def test_frames_of_no_segment_are_left_out_and_said(tmp_path: Path, ct: CT):
    path = write_dcmqi(tmp_path / "seg", ct, blobs(), [dcmqi_segment(1, "liver", LIVER)])
    found = read(path, ct)
    assert [s.name for s in found.segments] == ["liver"]
    assert [f.code for f in found.findings] == ["UNNAMED_VALUE"] and "value 2" in found.findings[0].message


def test_a_name_can_be_given_for_a_single_segment_only(tmp_path: Path, ct: CT):
    unknown = described(1, "x", Code("1", "99LOCAL", "x"))
    path = write_seg(tmp_path / "seg", ct, blobs()[..., :1], [unknown])
    assert [str(s.structure) for s in read(path, ct, name="spleen").segments] == ["spleen"]
    two = write_seg(tmp_path / "two", ct, blobs(), TWO)
    with pytest.raises(InputError, match="holds 2 segments"):
        read(two, ct, name="spleen")
    with pytest.raises(InputError, match="names its segments itself"):
        read(two, ct, names="dap")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"FrameOfReferenceUID": "1.2.3.4"}, r"another frame of reference \(1\.2\.3\.4\)"),
        (
            {"ReferencedSeriesSequence": [item(SeriesInstanceUID="1.2.3.5")]},
            r"drawn on the series 1\.2\.3\.5",
        ),
    ],
)
def test_masks_of_another_scan_are_refused(tmp_path: Path, ct: CT, change, why: str):
    path = write_seg(tmp_path / "seg", ct, blobs(), TWO, change=change)
    with pytest.raises(InputError, match=why) as caught:
        read(path, ct)
    assert str(ct.folder) in str(caught.value) and str(path) in str(caught.value)


def test_masks_of_another_patient_are_refused_even_on_the_same_grid(tmp_path: Path, ct: CT):
    other = write_ct(tmp_path / "other")
    with pytest.raises(InputError, match="another frame of reference"):
        read(write_seg(tmp_path / "seg", other, blobs(), TWO), ct)


def test_a_ct_without_uids_is_compared_by_its_grid(tmp_path: Path, ct: CT):
    """The CT was converted: masks lie on it where their voxels do."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in sorted(ct.folder.iterdir())])
    SimpleITK.WriteImage(reader.Execute(), str(tmp_path / "ct.nii.gz"))
    volume = read_ct(tmp_path / "ct.nii.gz")
    path = write_seg(tmp_path / "seg", ct, blobs(), TWO)
    placed = run_preflight(volume, read_segmentation(path, ct=volume.place)).segmentation.segments
    check({str(s.structure): s.full_mask() for s in placed}, blobs())
    moved = write_ct(tmp_path / "moved", step=(0, 0, 4.0))
    errors = run_preflight(read_ct(moved.folder), read_segmentation(path)).errors
    assert [error.code for error in errors] == ["GRID_DIFFERS"]


def test_a_segmentation_in_the_folder_of_the_ct_is_no_part_of_it(tmp_path: Path, ct: CT):
    before = read_ct(ct.folder)
    write_seg(ct.folder / "seg.dcm", ct, blobs(), TWO)
    after = read_ct(ct.folder)
    np.testing.assert_array_equal(after.voxels, before.voxels)
    check(on_ct(ct.folder / "seg.dcm", ct), blobs())


def test_without_highdicom_one_sentence_says_what_to_install(tmp_path: Path, ct: CT, monkeypatch):
    path = write_seg(tmp_path / "seg", ct, blobs(), TWO)
    monkeypatch.setitem(sys.modules, "highdicom.seg", None)
    with pytest.raises(InputError, match=r'pip install "segae\[dicom\]"'):
        read(path, ct)


def test_the_uids_of_a_ct_are_read_with_it(tmp_path: Path, ct: CT):
    ids = read_ct(ct.folder).ids
    assert ids.frame_of_reference == ct.uid("FrameOfReferenceUID")
    assert ids.series == ct.uid("SeriesInstanceUID") != generate_uid()
    assert ids.images == {str(image.SOPInstanceUID) for image in ct.images}


def test_a_folder_may_hold_masks_among_other_objects(tmp_path: Path, ct: CT):
    write_seg(ct.folder / "A1", ct, blobs()[..., :1], [described(1, "liver")])
    write_seg(ct.folder / "A2", ct, blobs()[..., 1:], [described(1, "liver")])
    write_rtstruct(ct.folder / "A3", ct, {"Spleen": [Contour(2, rectangle(3, 3, 9, 9), "POINT")]})
    found = read(ct.folder, ct)
    assert [s.name for s in found.segments] == ["liver [A1]", "liver [A2]"]
    for n, segment in enumerate(found.segments):
        placed = segment.placed_on(read_ct(ct.folder).grid)
        assert placed is not None
        np.testing.assert_array_equal(placed.full_mask(), blobs()[..., n] != 0)
    assert [f.code for f in found.findings] == ["SAME_NAME", "MASK_LEFT_OUT"]


def test_masks_of_another_ct_in_a_folder_cost_no_other(tmp_path: Path, ct: CT):
    other = write_ct(tmp_path / "other")
    folder = tmp_path / "masks"
    folder.mkdir()
    write_seg(folder / "a.dcm", other, blobs(), TWO)
    with pytest.raises(InputError, match="another frame of reference"):
        read(folder, ct)
    write_seg(folder / "b.dcm", ct, blobs(), TWO)
    (folder / "notes.txt").write_text("none")
    check(on_ct(folder, ct), blobs())
    assert [f.source for f in read(folder, ct).findings] == [str(folder / "a.dcm")]


def test_a_ct_without_uids_is_not_taken_for_another_one(tmp_path: Path):
    ct = write_ct(tmp_path / "ct")
    path = write_seg(tmp_path / "seg", ct, blobs(), TWO)
    for file in ct.folder.iterdir():
        data = pydicom.dcmread(file)
        del data.SeriesInstanceUID, data.FrameOfReferenceUID, data.SOPInstanceUID
        data.save_as(file)
    check(on_ct(path, ct), blobs())


@pytest.mark.parametrize("forgotten", ["SegmentLabel", "SegmentAlgorithmType"])
def test_what_programs_forget_costs_no_mask(tmp_path: Path, ct: CT, forgotten: str):
    path = write_seg(tmp_path / "seg", ct, blobs(), TWO)
    data = pydicom.dcmread(path)
    for one in data.SegmentSequence:
        del one[forgotten]
    data.save_as(path)
    check(on_ct(path, ct), blobs())
