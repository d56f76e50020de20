"""Structure sets: contours become the pixels that they were drawn around, and nothing is made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from dicom_files import (
    CT,
    KIDNEY,
    SHAPE,
    Contour,
    coded,
    cut_short,
    item,
    read,
    rectangle,
    write_ct,
    write_rtstruct,
)
from pydicom.config import disable_value_validation

from segae.checks.preflight import run_preflight
from segae.data import Segmentation
from segae.errors import InputError
from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation


def mask_of(path: Path, ct: CT, name: str = "Liver") -> np.ndarray:
    """The mask (slices, rows, columns) as it is scored."""
    checked = run_preflight(read_ct(ct.folder), read(path, ct))
    (found,) = [s for s in checked.segmentation.segments if s.name == name]
    return found.full_mask()


def block(slices, top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[list(slices), top : bottom + 1, left : right + 1] = True
    return mask


BOX = rectangle(3, 4, 10, 15)


@pytest.mark.parametrize(
    ("orientation", "step"),
    [((1.0, 0, 0, 0, 1.0, 0), None), ((0.96, 0.28, 0, -0.28, 0.96, 0), None),
     ((1.0, 0, 0, 0, 0.8, -0.6), None), ((1.0, 0, 0, 0, 1.0, 0), (0, 0.6, 3.0))],
    ids=["upright", "turned", "tilted", "gantry"],
)  # fmt: skip
def test_contours_give_the_pixels_that_they_were_drawn_around(tmp_path: Path, orientation, step):
    ct = write_ct(tmp_path / "ct", orientation=orientation, step=step)
    spleen = [Contour(k, rectangle(8, 12, 14, 20)) for k in (4, 5)]
    path = write_rtstruct(
        tmp_path / "rs.dcm", ct, {"Liver": [Contour(k, BOX) for k in (1, 2, 3)], "Spleen": spleen}
    )
    np.testing.assert_array_equal(mask_of(path, ct), block((1, 2, 3), 3, 4, 10, 15))
    np.testing.assert_array_equal(mask_of(path, ct, "Spleen"), block((4, 5), 8, 12, 14, 20))
    found = read(path, ct)
    assert [str(s.structure) for s in found.segments] == ["liver", "spleen"] and found.findings == ()


def test_a_ct_that_was_converted_gets_the_same_pixels(tmp_path: Path, ct: CT):
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in sorted(ct.folder.iterdir())])
    converted = SimpleITK.DICOMOrient(reader.Execute(), "PIR")  # slices along another axis, some reversed
    SimpleITK.WriteImage(converted, str(tmp_path / "ct.nii.gz"))
    path = write_rtstruct(tmp_path / "rs", ct, {"Liver": [Contour(k, BOX) for k in (1, 2, 3)]})
    volume = read_ct(tmp_path / "ct.nii.gz")
    (liver,) = read_segmentation(path, ct=volume.place).segments
    assert liver.grid is volume.grid
    image = SimpleITK.GetImageFromArray(liver.full_mask().astype(np.uint8))
    image.CopyInformation(SimpleITK.ReadImage(str(tmp_path / "ct.nii.gz")))
    back = SimpleITK.GetArrayFromImage(SimpleITK.DICOMOrient(image, "LPS"))
    np.testing.assert_array_equal(back != 0, block((1, 2, 3), 3, 4, 10, 15))


def test_nested_contours_are_holes_and_islands(tmp_path: Path, ct: CT):
    rings = [BOX, rectangle(5, 6, 8, 12), rectangle(6, 8, 7, 9)]
    expected = block([2], 3, 4, 10, 15) & ~block([2], 5, 6, 8, 12) | block([2], 6, 8, 7, 9)
    for kind in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"):
        path = write_rtstruct(tmp_path / "rs", ct, {"Liver": [Contour(2, one, kind) for one in rings]})
        np.testing.assert_array_equal(mask_of(path, ct), expected)


def test_a_keyhole_is_a_hole(tmp_path: Path, ct: CT):
    inner = rectangle(5, 6, 8, 12)[::-1]
    keyhole = np.vstack([BOX, BOX[:1], inner, inner[:1]])  # along the line between the first points, and back
    path = write_rtstruct(tmp_path / "rs", ct, {"Liver": [Contour(2, keyhole)]})
    expected = block([2], 3, 4, 10, 15) & ~block([2], 5, 6, 8, 12)
    np.testing.assert_array_equal(mask_of(path, ct), expected)


def test_a_contour_that_is_written_twice_counts_once(tmp_path: Path, ct: CT):
    path = write_rtstruct(tmp_path / "rs", ct, {"Liver": [Contour(2, BOX), Contour(2, BOX)]})
    np.testing.assert_array_equal(mask_of(path, ct), block([2], 3, 4, 10, 15))


def codes(found: Segmentation) -> list[str]:
    return [finding.code for finding in found.findings]


def test_slices_between_contours_stay_empty_and_that_is_said(tmp_path: Path, ct: CT):
    path = write_rtstruct(tmp_path / "rs", ct, {"Liver": [Contour(k, BOX) for k in (1, 2, 5)]})
    np.testing.assert_array_equal(mask_of(path, ct), block((1, 2, 5), 3, 4, 10, 15))
    assert codes(read(path, ct)) == ["CONTOUR_GAPS"]
    assert "no contour on 2 slices between others" in read(path, ct).findings[0].message


def test_rounding_beside_a_slice_is_that_slice(tmp_path: Path, ct: CT):
    path = write_rtstruct(tmp_path / "rs", ct, {"Liver": [Contour(k + 0.1, BOX) for k in (1, 2)]})
    np.testing.assert_array_equal(mask_of(path, ct), block((1, 2), 3, 4, 10, 15))


@pytest.mark.parametrize("planes", [(1, 1.5, 2), (1.5, 2.5), (0, 0.8, 1.6, 2.4), (2, 2.2)])
def test_contours_of_other_slices_are_not_forced_onto_those_of_the_ct(tmp_path: Path, ct: CT, planes):
    drawn = {"Liver": [Contour(k, BOX) for k in planes], "Spleen": [Contour(2, BOX)]}
    found = read(write_rtstruct(tmp_path / "rs", ct, drawn), ct)
    assert [s.name for s in found.segments] == ["Spleen"] and codes(found) == ["MASK_LEFT_OUT"]
    assert "beside the slices of the CT" in found.findings[0].message
    del drawn["Spleen"]
    with pytest.raises(InputError, match=r"No structure .* can be filled.*beside the slices"):
        read(write_rtstruct(tmp_path / "rs", ct, drawn), ct)


def test_contours_oblique_to_the_slices_are_not_forced_onto_them(tmp_path: Path, ct: CT):
    path = write_rtstruct(tmp_path / "rs", ct, {"Liver": [Contour(2, BOX)]})
    data = pydicom.dcmread(path)
    contour = data.ROIContourSequence[0].ContourSequence[0]
    points = np.array(contour.ContourData, float).reshape(-1, 3)
    points[:2, 2] += 4
    contour.ContourData = points.ravel().tolist()
    data.save_as(path)
    with pytest.raises(InputError, match="oblique to the slices"):
        read(path, ct)


def test_points_and_open_lines_are_left_out_and_said(tmp_path: Path, ct: CT):
    drawn = {
        "Liver": [Contour(2, BOX), Contour(3, BOX, "OPEN_PLANAR"), Contour(4, BOX[:1], "POINT"),
                  Contour(4, BOX[:2]), Contour(4, [[1, 1], [2, 2], [3, 3]])],
        "Isocentre": [Contour(2, BOX[:1], "POINT")],
    }  # fmt: skip
    path = write_rtstruct(tmp_path / "rs", ct, drawn)
    np.testing.assert_array_equal(mask_of(path, ct), block([2], 3, 4, 10, 15))
    found = read(path, ct)
    assert [s.name for s in found.segments] == ["Liver"]
    assert codes(found) == ["CONTOURS_LEFT_OUT"] * 4 + ["MASK_LEFT_OUT"]
    told = " ".join(finding.message for finding in found.findings)
    for words in ("1 contour of the type OPEN_PLANAR", "2 contours without an area", "no closed contour"):
        assert words in told


def test_contours_that_cross_are_told(tmp_path: Path, ct: CT):
    other = rectangle(8, 12, 14, 20)
    path = write_rtstruct(tmp_path / "rs", ct, {"Liver": [Contour(2, BOX), Contour(2, other)]})
    np.testing.assert_array_equal(mask_of(path, ct), block([2], 3, 4, 10, 15) | block([2], 8, 12, 14, 20))
    assert codes(read(path, ct)) == ["CONTOURS_CROSS"]


def test_contours_outside_of_the_ct_are_left_out_and_said(tmp_path: Path, ct: CT):
    path = write_rtstruct(tmp_path / "rs", ct, {"Liver": [Contour(k, BOX) for k in (-2, -1, 0, 1)]})
    np.testing.assert_array_equal(mask_of(path, ct), block((0, 1), 3, 4, 10, 15))
    assert codes(read(path, ct)) == ["CONTOURS_LEFT_OUT"]
    with pytest.raises(InputError, match="lie outside of the CT"):
        read(write_rtstruct(tmp_path / "rs", ct, {"Liver": [Contour(30, BOX)]}), ct)


def test_a_structure_without_contours_is_an_empty_mask(tmp_path: Path, ct: CT):
    path = write_rtstruct(tmp_path / "rs", ct, {"Liver": [Contour(2, BOX)], "Spleen": []})
    assert [s.is_empty for s in read(path, ct).segments] == [False, True]


@pytest.mark.parametrize("drawn", [{}, {"Liver": [], "Spleen": []}])
def test_a_set_without_contours_is_refused(tmp_path: Path, ct: CT, drawn):
    with pytest.raises(InputError, match="holds no contours"):
        read(write_rtstruct(tmp_path / "rs", ct, drawn), ct)


def test_a_code_says_what_a_structure_is(tmp_path: Path, ct: CT):
    path = write_rtstruct(tmp_path / "rs", ct, {"ROI-1": [Contour(2, BOX)], "Kidney_L": [Contour(2, BOX)]})
    data = pydicom.dcmread(path)
    liver = item(CodeValue="10200004", CodingSchemeDesignator="SCT", CodeMeaning="Liver")
    for observation, code in zip(data.RTROIObservationsSequence, (liver, coded(KIDNEY)), strict=True):
        observation.RTROIIdentificationCodeSequence = [code]
    data.save_as(path)
    assert [str(s.structure) for s in read(path, ct).segments] == ["liver", "kidney left"]


def test_targets_are_no_organs(tmp_path: Path, ct: CT):
    drawn = {name: [Contour(2, BOX)] for name in ("Liver", "PTV", "GTV liver")}
    found = {s.name: s.structure for s in read(write_rtstruct(tmp_path / "rs", ct, drawn), ct).segments}
    assert str(found.pop("Liver")) == "liver" and set(found.values()) == {None}


def test_a_set_of_another_scan_is_refused(tmp_path: Path, ct: CT):
    other = write_ct(tmp_path / "other")
    path = write_rtstruct(tmp_path / "rs", other, {"Liver": [Contour(2, BOX)]})
    with pytest.raises(InputError, match="another frame of reference"):
        read(path, ct)
    same_frame = write_ct(tmp_path / "same", FrameOfReferenceUID=ct.uid("FrameOfReferenceUID"))
    path = write_rtstruct(tmp_path / "rs", same_frame, {"Liver": [Contour(2, BOX)]})
    with pytest.raises(InputError, match=f"drawn on the series {same_frame.uid('SeriesInstanceUID')}"):
        read(path, ct)


def test_a_structure_in_another_frame_of_reference_is_left_out(tmp_path: Path, ct: CT):
    path = write_rtstruct(tmp_path / "rs", ct, {n: [Contour(2, BOX)] for n in ("Liver", "Spleen")})
    data = pydicom.dcmread(path)
    data.StructureSetROISequence[1].ReferencedFrameOfReferenceUID = "1.2.3"
    data.save_as(path)
    found = read(path, ct)
    assert [s.name for s in found.segments] == ["Liver"] and codes(found) == ["MASK_LEFT_OUT"]


def test_contours_need_the_ct(tmp_path: Path, ct: CT):
    path = write_rtstruct(tmp_path / "rs", ct, {"Liver": [Contour(2, BOX)]})
    with pytest.raises(InputError, match="filled on the slices of a CT"):
        read_segmentation(path)


@pytest.mark.parametrize("numbers", [["1", "2"], ["1e400", "1", "1"] * 3, ["nan", "1", "1"] * 3])
def test_damaged_contours_end_in_a_sentence(tmp_path: Path, ct: CT, numbers):
    path = write_rtstruct(tmp_path / "rs.dcm", ct, {"Liver": [Contour(2, BOX)]})
    data = pydicom.dcmread(path)
    with disable_value_validation():
        data.ROIContourSequence[0].ContourSequence[0].ContourData = numbers
        data.save_as(path)
    with pytest.raises(InputError, match=r"rs\.dcm.*cut short or damaged"):
        read(path, ct)


def test_a_file_that_is_cut_short_ends_in_a_sentence(tmp_path: Path, ct: CT):
    path = write_rtstruct(tmp_path / "rs.dcm", ct, {"Liver": [Contour(k, BOX) for k in (1, 2)]})
    for _ in cut_short(path, (0.3, 0.6, 0.9, 0.97)):
        with pytest.raises(InputError, match=r"rs\.dcm") as caught:
            read(path, ct)
        assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
