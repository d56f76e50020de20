"""Nearest-neighbour resampling of a segment, checked against SimpleITK and by round trips."""

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from segae.data import Segment
from segae.geometry.grid import Grid
from segae.geometry.orientation import orient_grid, to_orientation


def make_grid(size, spacing, origin, turn=0.0) -> Grid:
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]) * spacing
    affine[:3, 3] = origin
    return Grid(size, affine)


def as_sitk(array: np.ndarray, grid: Grid) -> SimpleITK.Image:
    """Image with the grid's own numbers: the frame does not matter for resampling as long as it is one."""
    image = SimpleITK.GetImageFromArray(array.astype(np.uint8))
    image.SetSpacing(grid.spacing.tolist())
    image.SetOrigin(grid.affine[:3, 3].tolist())
    image.SetDirection(grid.directions.ravel().tolist())
    return image


BLOB = np.zeros((9, 12, 10), bool)
BLOB[2:7, 3:9, 1:8] = True
BLOB[4, 5, 3] = False
SOURCE = make_grid((10, 12, 9), (1.3, 1.1, 2.0), (5.0, -3.0, 8.0))


@settings(max_examples=60)
@given(st.tuples(*[st.floats(-6, 6)] * 3), st.tuples(*[st.floats(0.5, 4)] * 3), st.floats(-60, 60))
def test_agrees_with_simpleitk(shift, spacing, turn):
    # So that no whole plane lies on the border between two voxels, where rounding decides.
    shift, spacing, turn = np.round(shift, 2) + 0.00137, np.round(spacing, 2), round(turn, 1)
    target = make_grid((14, 13, 12), spacing, SOURCE.affine[:3, 3] + shift, turn)
    result = Segment.from_mask("liver", None, BLOB, SOURCE).on_grid(target)
    moving, reference = as_sitk(BLOB, SOURCE), as_sitk(np.zeros(target.shape), target)
    expected = SimpleITK.Resample(moving, reference, SimpleITK.Transform(), SimpleITK.sitkNearestNeighbor)
    # Points on the border between two voxels may go either way.
    assert (result.full_mask() != (SimpleITK.GetArrayFromImage(expected) > 0)).sum() <= 2


@pytest.mark.parametrize("code", ["LPS", "SAL", "PIR", "RAS"])
def test_another_axis_order_is_lossless(code):
    target = orient_grid(SOURCE, code)
    result = Segment.from_mask("liver", None, BLOB, SOURCE, "a reason", "liver.nii").on_grid(target)
    np.testing.assert_array_equal(result.full_mask(), to_orientation(BLOB, SOURCE, code)[0])
    assert (result.name, result.reason, result.source) == ("liver", "a reason", "liver.nii")
    assert result.grid is target


def test_a_finer_grid_and_back_gives_the_same_mask():
    fine = make_grid((30, 36, 27), SOURCE.spacing / 3, SOURCE.world(np.full(3, -1 / 3)))
    segment = Segment.from_mask("liver", None, BLOB, SOURCE)
    there = segment.on_grid(fine)
    assert there.voxels().sum() == 27 * BLOB.sum()
    np.testing.assert_array_equal(there.on_grid(SOURCE).full_mask(), BLOB)


def test_a_mask_outside_the_other_grid_becomes_empty():
    far = make_grid((10, 12, 9), (1.3, 1.1, 2.0), (500.0, 0.0, 0.0))
    assert Segment.from_mask("liver", None, BLOB, SOURCE).on_grid(far).is_empty


def test_an_empty_mask_stays_empty():
    empty = Segment.from_mask("liver", None, np.zeros(SOURCE.shape, bool), SOURCE)
    result = empty.on_grid(orient_grid(SOURCE, "LPS"))
    assert result.is_empty and result.full_mask().sum() == 0
