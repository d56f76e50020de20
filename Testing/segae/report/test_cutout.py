"""The picture of a slice shows the patient as a radiologist expects, whatever the order of the file."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from segae.data import Segment, Volume
from segae.errors import InputError
from segae.geometry.grid import Grid
from segae.geometry.orientation import slice_index_in_file, to_orientation
from segae.report.cutout import MARGIN_MM, SMALLEST_MM, cutout

SPACING = (1.0, 2.0, 5.0)  # mm along R, A, S
CODES = ["".join(c) for axes in permutations(("RL", "AP", "SI")) for c in product(*axes)]


def _ras() -> tuple[np.ndarray, Grid]:
    """Marks in slice 3 of a volume in RAS order: the patient's right 1, left 2, front 3, back 4."""
    voxels = np.zeros((6, 100, 200), np.int16)
    voxels[3, 50, 150:160] = 1  # x grows to the right of the patient in index order "R"
    voxels[3, 50, 40:50] = 2
    voxels[3, 70:80, 100] = 3
    voxels[3, 20:30, 100] = 4
    return voxels, Grid((200, 100, 6), np.diag([*SPACING, 1.0]))


def _stored(code: str) -> tuple[Volume, int]:
    voxels, grid = _ras()
    stored, stored_grid = to_orientation(voxels, grid, code)
    slices = slice_index_in_file(3, stored_grid, "RAS")
    return Volume(np.ascontiguousarray(stored), stored_grid), slices


def _segment(volume: Volume, mask: np.ndarray) -> Segment:
    return Segment.from_mask("marks", None, mask, volume.grid)


@pytest.mark.parametrize("code", CODES)
def test_right_is_on_the_left_and_anterior_is_up_in_all_48_orders(code):
    volume, slice_in_file = _stored(code)
    cut = cutout(volume, _segment(volume, volume.voxels > 0), slice_in_file)
    where = {mark: np.argwhere(cut.hu == mark).mean(axis=0) for mark in (1, 2, 3, 4)}
    assert where[1][1] < where[3][1] < where[2][1]
    assert where[3][0] < where[1][0] < where[4][0]
    np.testing.assert_array_equal(cut.mask, cut.hu > 0)


@pytest.mark.parametrize("code", ["RAS", "SPL", "AIR"])
def test_a_pixel_of_the_picture_is_as_wide_and_high_as_in_the_patient(code):
    volume, slice_in_file = _stored(code)
    cut = cutout(volume, _segment(volume, volume.voxels > 0), slice_in_file)
    left, right, bottom, top = cut.extent
    rows, columns = cut.hu.shape
    assert (right - left) / columns == pytest.approx(SPACING[0])
    assert (bottom - top) / rows == pytest.approx(SPACING[1])


def test_the_view_is_a_square_around_the_mask_with_a_margin():
    volume, _ = _stored("RAS")
    cut = cutout(volume, _segment(volume, volume.voxels > 0), 3)
    left, right, bottom, top = cut.view
    assert right - left == pytest.approx(bottom - top)
    assert right - left == pytest.approx(120.0 + 2 * MARGIN_MM)  # marks reach from voxel 40 to 159


def test_a_small_mask_is_shown_with_its_surroundings_and_one_at_the_border_is_kept_whole():
    volume, _ = _stored("RAS")
    mask = np.zeros(volume.grid.shape, bool)
    mask[0, 0, 0] = True
    cut = cutout(volume, _segment(volume, mask), 0)
    left, right, _, _ = cut.view
    assert right - left == pytest.approx(SMALLEST_MM)
    assert cut.mask.sum() == 1


def test_a_mask_of_another_grid_and_a_slice_without_mask_are_refused(volume, segmentation):
    other = Volume(np.zeros((4, 5, 6), np.int16), Grid((6, 5, 4), np.eye(4)), "other.nii.gz")
    liver = segmentation.segments[0]
    with pytest.raises(InputError, match=r"Mask liver .*other.nii.gz; resample it first"):
        cutout(other, liver, 1)
    with pytest.raises(InputError, match="no voxel in slice 999"):
        cutout(volume, liver, 999)
