"""Preflight: real CTs pass, and each thing that can be wrong is found, named and told what to do about."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae.checks.preflight import Preflight, run_preflight
from segae.data import Segment, Segmentation, Volume
from segae.errors import InputError
from segae.finding import Finding
from segae.geometry.grid import Grid
from segae.geometry.orientation import to_orientation
from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation
from segae.labels.resolver import resolve

SAMPLE = Path(__file__).parents[3] / "SegAE/Resources/SampleData/totalsegmentator_s0001"


@pytest.fixture(scope="module")
def ct() -> Volume:
    return read_ct(SAMPLE / "ct.nii.gz")


@pytest.fixture(scope="module")
def masks() -> Segmentation:
    return read_segmentation(SAMPLE / "segmentation_multilabel.nii.gz")


def codes(preflight: Preflight, *severities: str) -> set[str]:
    return {f.code for f in preflight.findings if not severities or f.severity in severities}


def message(preflight: Preflight, code: str) -> str:
    return next(f.message for f in preflight.findings if f.code == code)


def segment_of(ct: Volume, where: tuple[slice, slice, slice] | None, name: str = "liver") -> Segment:
    mask = np.zeros(ct.grid.shape, bool)
    if where is not None:
        mask[where] = True
    return Segment.from_mask(name, resolve(name).structure, mask, ct.grid, source=f"{name}.nii.gz")


def of(*segments: Segment) -> Segmentation:
    return Segmentation(segments, "masks")


def test_what_was_noticed_while_reading_comes_first(ct, masks):
    about_ct = Finding("GEOMETRY", "warning", "The headers of the CT disagree.")
    about_masks = Finding("LEFT_OUT", "warning", "A file is damaged.")
    said = run_preflight(replace(ct, findings=(about_ct,)), replace(masks, findings=(about_masks,))).findings
    assert said[:2] == (about_ct, about_masks)


INSIDE = (slice(5, 15), slice(40, 60), slice(40, 60))


# ---- what is right


def test_the_sample_passes_without_a_warning(ct, masks):
    result = run_preflight(ct, masks)
    assert codes(result, "error", "warning") == set()
    assert len(result.segmentation.segments) == len(masks.segments)
    result.raise_for_errors()


def test_the_sample_folder_passes_with_what_is_empty_or_unknown_left_out(ct):
    folder = read_segmentation(SAMPLE / "segmentations")
    result = run_preflight(ct, folder)
    assert codes(result, "error") == set()
    assert codes(result, "warning") == {"EMPTY_MASK", "UNKNOWN_NAME"}
    scorable = [s for s in folder.segments if s.structure is not None and not s.is_empty]
    assert [s.name for s in result.segmentation.segments] == [s.name for s in scorable]
    n_warnings = sum(f.severity == "warning" for f in result.findings)
    assert n_warnings == len(folder.segments) - len(scorable)


@pytest.mark.parametrize("code", ["LAS", "PIR", "SLA"])
def test_other_axis_orders_pass_too(ct, masks, code):
    voxels, grid = to_orientation(ct.voxels, ct.grid, code)
    turned = of(*(s.on_grid(grid) for s in masks.segments[:5]))
    assert codes(run_preflight(Volume(voxels, grid), turned), "error", "warning") == set()


@pytest.mark.parametrize("padding", [-2048, -3024, -32768])
def test_padding_is_tolerated_and_told(ct, masks, padding):
    voxels = ct.voxels.copy()
    voxels[:, :5] = padding
    result = run_preflight(replace(ct, voxels=voxels), masks)
    assert codes(result, "error", "warning") == set()
    assert str(padding) in message(result, "HU_PADDING")


def test_a_crop_without_air_and_a_metal_implant_pass(ct):
    voxels = ct.voxels[8:20, 30:70, 30:80].astype(np.float32)
    voxels[2:4, 10:14, 10:14] = 20_000
    crop = Volume(voxels, Grid((50, 40, 12), ct.grid.affine))
    result = run_preflight(crop, of(segment_of(crop, (slice(2, 6), slice(5, 20), slice(5, 20)))))
    assert codes(result, "error", "warning") == {"METAL"}


# ---- what is no CT


def test_a_label_map_is_no_ct(ct, masks):
    labels = np.zeros(ct.grid.shape, np.int16)
    for value, segment in enumerate(masks.segments, start=1):
        labels[segment.box.slices][segment.voxels()] = value
    for voxels in (labels, labels.astype(np.float32)):
        result = run_preflight(replace(ct, voxels=voxels), masks)
        assert "looks like a label map" in message(result, "HU_NOT_CT")
        with pytest.raises(InputError, match=r"ct\.nii\.gz.*label map"):
            result.raise_for_errors()


def window(voxels: np.ndarray) -> np.ndarray:
    return np.clip((voxels + 160) / 400, 0, 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda hu: (window(hu) * 255).astype(np.uint8).astype(np.int16), "grey values"),
        (lambda hu: window(hu).astype(np.float32), "grey values"),
        (lambda hu: ((hu - hu.mean()) / hu.std()).astype(np.float32), "too narrow"),
        (lambda hu: np.clip(hu + 1100, 0, None).astype(np.int16), "next to nothing below"),
        (lambda hu: (np.abs(hu) % 900).astype(np.int16), "next to nothing below"),
        (lambda hu: np.full_like(hu, -1000), "everywhere"),
        (lambda hu: np.zeros_like(hu), "everywhere"),
    ],
)
def test_what_is_no_ct_is_an_error_that_names_the_file(ct, masks, change, reason):
    result = run_preflight(replace(ct, voxels=change(ct.voxels)), masks)
    assert codes(result, "error") == {"HU_NOT_CT"}
    assert reason in message(result, "HU_NOT_CT") and ct.source in message(result, "HU_NOT_CT")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda hu: hu - 1000, "soft tissue"),
        (lambda hu: np.where(hu > 0, hu * 100, hu).astype(np.int32), "above 3100"),
        (lambda hu: hu * 2, "below -1500"),
    ],
)
def test_odd_values_are_a_warning(ct, masks, change, reason):
    result = run_preflight(replace(ct, voxels=change(ct.voxels)), masks)
    assert codes(result, "error") == set()
    assert reason in message(result, "HU_RANGE")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_single_voxel_that_is_not_finite_is_found(ct, masks, value):
    voxels = ct.voxels.astype(np.float32)
    voxels[17, 33, 71] = value
    result = run_preflight(replace(ct, voxels=voxels), masks)
    assert codes(result, "error") == {"NOT_FINITE"}
    assert " in 1 of " in message(result, "NOT_FINITE") and "replace" in message(result, "NOT_FINITE")


def test_a_ct_of_nothing_but_nan_is_an_error(ct, masks):
    result = run_preflight(replace(ct, voxels=np.full(ct.voxels.shape, np.nan, np.float32)), masks)
    assert codes(result, "error") == {"NOT_FINITE"}


# ---- where things lie


def turned(grid: Grid, degrees: float) -> Grid:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    affine = grid.affine.copy()
    affine[:3, :3] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ affine[:3, :3]
    return Grid(grid.size, affine)


@pytest.mark.parametrize(("degrees", "warned"), [(0, False), (19, False), (21, True), (40, True)])
def test_oblique_beyond_20_degrees_is_a_warning_with_the_angle(ct, masks, degrees, warned):
    grid = turned(ct.grid, degrees)
    oblique = of(*(replace(s, grid=grid) for s in masks.segments))
    result = run_preflight(replace(ct, grid=grid), oblique)
    assert ("OBLIQUE" in codes(result, "warning")) is warned
    assert not warned or f"{degrees}.0 degrees" in message(result, "OBLIQUE")
    assert codes(result, "error") == set()


def test_another_grid_is_an_error_that_says_how_it_differs(ct, masks):
    coarse = of(*(replace(s, grid=Grid((100, 101, 30), s.grid.affine)) for s in masks.segments))
    result = run_preflight(ct, coarse)
    assert [f.code for f in result.findings if f.severity == "error"] == ["GRID_DIFFERS"]
    assert "size 100x101x30 instead of 122x101x30 voxels" in message(result, "GRID_DIFFERS")
    assert "allow resampling" in message(result, "GRID_DIFFERS")
    assert result.segmentation.segments == ()


def test_resampling_when_asked_brings_masks_to_the_ct(ct, masks):
    affine = ct.grid.affine.copy()
    affine[:3, :3] /= 2
    affine[:3, 3] = ct.grid.world(np.full(3, -0.25))
    fine = Grid((244, 202, 60), affine)
    finer = of(*(s.on_grid(fine) for s in masks.segments[:8]))
    result = run_preflight(ct, finer, resample=True)
    assert codes(result, "error") == set() and "GRID_DIFFERS" in codes(result, "warning")
    assert "resampled" in message(result, "GRID_DIFFERS")
    for segment, original in zip(result.segmentation.segments, masks.segments[:8], strict=True):
        assert segment.grid is ct.grid
        np.testing.assert_array_equal(segment.full_mask(), original.full_mask())


def test_rounding_in_a_header_is_accepted_and_masks_get_the_grid_of_the_ct(ct, masks):
    rounded = of(*(replace(s, grid=Grid(s.grid.size, s.grid.affine + 1e-4)) for s in masks.segments))
    result = run_preflight(ct, rounded)
    assert "GRID_DIFFERS" not in codes(result)
    assert all(s.grid is ct.grid for s in result.segmentation.segments)


def moved(segment: Segment, millimetres: float) -> Segment:
    affine = segment.grid.affine.copy()
    affine[2, 3] += millimetres
    return replace(segment, grid=Grid(segment.grid.size, affine))


def test_masks_of_another_patients_place_are_an_error_even_when_resampled(ct, masks):
    result = run_preflight(ct, of(*(moved(s, 900) for s in masks.segments)), resample=True)
    assert codes(result, "error") == {"OUTSIDE_FOV"}
    assert result.segmentation.segments == ()


def test_a_resampled_mask_that_is_partly_outside_is_a_warning(ct):
    segment = segment_of(ct, (slice(20, 30), slice(40, 60), slice(40, 60)))
    result = run_preflight(ct, of(moved(segment, 15.0)), resample=True)
    assert codes(result, "error") == set()
    assert "50% only inside" in message(result, "OUTSIDE_FOV")


def test_a_mask_that_falls_between_coarse_voxels_is_told(ct):
    affine = ct.grid.affine.copy()
    affine[:3, :3] /= 10
    fine = Volume(np.zeros((300, 20, 20), np.int16), Grid((20, 20, 300), affine))
    tiny = segment_of(fine, (slice(105, 106), slice(5, 6), slice(5, 6)))
    result = run_preflight(ct, of(tiny, segment_of(ct, INSIDE, "spleen")), resample=True)
    assert "falls between the voxels" in message(result, "EMPTY_MASK")
    assert [s.name for s in result.segmentation.segments] == ["spleen"]


def test_a_mask_in_the_padding_is_a_warning(ct):
    voxels = ct.voxels.copy()
    voxels[:, :20] = -3024
    in_padding = segment_of(ct, (slice(3, 9), slice(2, 18), slice(40, 60)))
    result = run_preflight(replace(ct, voxels=voxels), of(in_padding))
    assert "100% where the CT holds -3024" in message(result, "OUTSIDE_FOV")


def test_lungs_of_a_clipped_ct_and_a_clipped_windpipe_are_not_outside_the_field(ct):
    air = segment_of(ct, (slice(3, 9), slice(2, 18), slice(40, 60)))
    for lowest in (-200, -1015):
        clipped = replace(ct, voxels=np.maximum(ct.voxels, lowest))
        assert "OUTSIDE_FOV" not in codes(run_preflight(clipped, of(air)))


def test_a_mask_in_padding_as_low_as_air_is_a_warning(ct):
    voxels = np.maximum(ct.voxels, -1024)
    voxels[:, :20] = -1024
    in_padding = segment_of(ct, (slice(3, 9), slice(2, 18), slice(40, 60)))
    assert "OUTSIDE_FOV" in codes(run_preflight(replace(ct, voxels=voxels), of(in_padding)), "warning")


# ---- single masks


def test_one_empty_mask_is_a_warning_and_only_empty_masks_are_an_error(ct):
    empty, full = segment_of(ct, None, "spleen"), segment_of(ct, INSIDE)
    result = run_preflight(ct, of(empty, full))
    assert codes(result, "error") == set() and "EMPTY_MASK" in codes(result, "warning")
    assert result.segmentation.segments[0].name == "liver" and len(result.segmentation.segments) == 1
    with pytest.raises(InputError, match=r"Every mask .* is empty"):
        run_preflight(ct, of(empty)).raise_for_errors()


def test_an_unknown_name_is_a_warning_and_only_unknown_names_are_an_error(ct):
    unknown = replace(segment_of(ct, INSIDE), name="blorb", structure=None, reason="'blorb' is not known.")
    result = run_preflight(ct, of(unknown, segment_of(ct, INSIDE)))
    assert codes(result, "error") == set() and "'blorb' is not known." in message(result, "UNKNOWN_NAME")
    assert [s.name for s in result.segmentation.segments] == ["liver"]
    with pytest.raises(InputError, match=r"No mask .* has a name"):
        run_preflight(ct, of(unknown)).raise_for_errors()


def test_two_masks_of_one_structure_are_told_and_both_kept(ct):
    result = run_preflight(ct, of(segment_of(ct, INSIDE), segment_of(ct, INSIDE)))
    assert "one of 2 taken for liver" in message(result, "DUPLICATE_STRUCTURE")
    assert len(result.segmentation.segments) == 2


def test_three_pixels_in_one_slice_are_told_and_kept(ct):
    result = run_preflight(ct, of(segment_of(ct, (slice(7, 8), slice(50, 51), slice(50, 53)))))
    assert codes(result) == {"TINY_MASK", "ONE_SLICE"}
    assert "3 of at least 20 voxels" in message(result, "TINY_MASK")
    assert "axial slice 7 only" in message(result, "ONE_SLICE")
    assert len(result.segmentation.segments) == 1


@pytest.mark.parametrize(
    ("where", "edge"),
    [
        ((slice(0, 5), slice(40, 60), slice(40, 60)), "the first axial slice"),
        ((slice(25, 30), slice(40, 60), slice(40, 60)), "the last axial slice"),
        ((slice(5, 9), slice(0, 60), slice(40, 60)), "the first j plane"),
        ((slice(5, 9), slice(40, 60), slice(90, 122)), "the last i plane"),
    ],
)
def test_a_mask_on_the_border_is_told(ct, where, edge):
    result = run_preflight(ct, of(segment_of(ct, where)))
    assert edge in message(result, "AT_BORDER") and codes(result, "error") == set()


def test_a_ct_of_one_slice_is_a_warning_and_its_masks_are_not_at_its_border(ct):
    grid = Grid((122, 101, 1), ct.grid.affine)
    single = Volume(ct.voxels[10:11], grid)
    result = run_preflight(single, of(segment_of(single, (slice(0, 1), slice(40, 60), slice(40, 60)))))
    assert codes(result) == {"ONE_SLICE"} and codes(result, "warning") == {"ONE_SLICE"}


def test_every_message_is_one_line_that_names_a_file(ct, masks):
    bad = replace(ct, voxels=np.zeros_like(ct.voxels))
    result = run_preflight(bad, of(*(moved(s, 3) for s in masks.segments), segment_of(ct, None)))
    assert len(result.errors) > 1
    for finding in result.findings:
        assert "\n" not in finding.message and str(finding.source) in finding.message
    with pytest.raises(InputError, match="more of"):
        result.raise_for_errors()
