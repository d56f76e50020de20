"""Orientation: views in any of the 48 axis orders keep every voxel in its place in the patient."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.errors import InputError
from segae.geometry.box import Box
from segae.geometry.grid import Grid
from segae.geometry.orientation import (
    axial_axis,
    axis_codes,
    obliqueness,
    orient_array,
    orient_box,
    slice_axis_in_file,
    slice_index_in_file,
    slice_index_in_orientation,
    to_orientation,
)

CODES = ["".join(c) for order in permutations(("RL", "AP", "SI")) for c in product(*order)]
SIZE = (3, 4, 5)
codes = st.sampled_from(CODES)


def rotation(degrees: float, axis: int) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    a, b = [n for n in range(3) if n != axis]
    matrix = np.eye(3)
    matrix[a, a], matrix[a, b], matrix[b, a], matrix[b, b] = c, -s, s, c
    return matrix


def grid_of(code: str, turn: np.ndarray | None = None) -> Grid:
    """A grid whose axes i, j, k run as `code` says, with three different spacings."""
    affine = np.eye(4)
    for axis, letter in enumerate(code):
        world = next(n for n, pair in enumerate(("RL", "AP", "SI")) if letter in pair)
        column = np.zeros(3)
        column[world] = (0.7, 1.1, 2.5)[axis] * (1 if letter in "RAS" else -1)
        affine[:3, axis] = column if turn is None else turn @ column
    affine[:3, 3] = (-12.0, 40.0, 7.5)
    return Grid(SIZE, affine)


def voxel_positions(grid: Grid) -> np.ndarray:
    """World position of every voxel, shape (nk, nj, ni, 3)."""
    k, j, i = np.indices(grid.shape)
    return grid.world(np.stack([i, j, k], axis=-1))


def test_there_are_48_orders_and_each_is_recognised():
    assert len(set(CODES)) == 48
    assert [axis_codes(grid_of(code)) for code in CODES] == CODES


@given(codes, codes, st.floats(-25, 25), st.integers(0, 2))
def test_every_voxel_keeps_its_place_in_the_patient(stored, wanted, degrees, axis):
    grid = grid_of(stored, rotation(degrees, axis))
    array = np.arange(np.prod(SIZE)).reshape(grid.shape)
    view, new = to_orientation(array, grid, wanted)
    assert axis_codes(new) == wanted
    assert view.shape == new.shape
    assert np.shares_memory(view, array)
    before = voxel_positions(grid).reshape(-1, 3)
    np.testing.assert_allclose(voxel_positions(new).reshape(-1, 3), before[view.ravel()], atol=1e-9)


@given(codes, codes)
def test_going_there_and_back_gives_the_same_array_and_grid(stored, wanted):
    grid = grid_of(stored)
    array = np.arange(np.prod(SIZE)).reshape(grid.shape)
    back, back_grid = to_orientation(*to_orientation(array, grid, wanted), stored)
    np.testing.assert_array_equal(back, array)
    np.testing.assert_allclose(back_grid.affine, grid.affine, atol=1e-12)


@given(codes, codes, st.data())
def test_an_oriented_box_holds_the_same_voxels(stored, wanted, data):
    grid = grid_of(stored)
    mask = np.zeros(grid.shape, bool)
    for _ in range(3):
        mask[tuple(data.draw(st.integers(0, n - 1)) for n in grid.shape)] = True
    box = Box.of_mask(mask)
    view, _ = to_orientation(mask, grid, wanted)
    assert orient_box(box, grid, wanted) == Box.of_mask(view)
    np.testing.assert_array_equal(
        orient_array(mask[box.slices], grid, wanted), view[orient_box(box, grid, wanted).slices]
    )


@pytest.mark.parametrize("stored", CODES)
def test_axial_slices_come_first_in_las_and_are_named_by_the_file_index(stored):
    grid = grid_of(stored)
    array = np.moveaxis(np.zeros(grid.shape, int), axial_axis(grid), 0).copy()
    array += np.arange(array.shape[0])[:, None, None]
    array = np.moveaxis(array, 0, axial_axis(grid))
    view, _ = to_orientation(array, grid, "LAS")
    indices = [slice_index_in_file(n, grid, "LAS") for n in range(view.shape[0])]
    assert [set(np.unique(plane)) for plane in view] == [{n} for n in indices]
    assert [slice_index_in_orientation(n, grid, "LAS") for n in indices] == list(range(view.shape[0]))
    assert slice_axis_in_file(grid, "LAS") == "kji"[axial_axis(grid)]


def test_file_order_changes_nothing():
    grid = grid_of("SLP")
    array = np.zeros(grid.shape)
    view, same = to_orientation(array, grid, "file")
    assert np.shares_memory(view, array) and view.shape == array.shape
    np.testing.assert_array_equal(same.affine, grid.affine)
    assert slice_index_in_file(3, grid, "file") == 3
    assert slice_axis_in_file(grid, "file") == "k"


@given(codes, st.floats(0, 40), st.integers(0, 2))
def test_obliqueness_is_the_angle_of_rotation(stored, degrees, axis):
    assert obliqueness(grid_of(stored, rotation(degrees, axis))) == pytest.approx(degrees, abs=1e-4)


@pytest.mark.parametrize("code", ["", "LA", "LAA", "LRS", "XYZ", "las", "LASS"])
def test_an_unknown_code_is_refused_in_one_sentence(code):
    with pytest.raises(InputError, match="no orientation"):
        to_orientation(np.zeros((5, 4, 3)), grid_of("RAS"), code)
