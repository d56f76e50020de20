"""Differences between grids are told in words and numbers, rounding is not a difference."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segae.geometry.compare import describe_difference
from segae.geometry.grid import Grid
from segae.geometry.orientation import orient_grid


def grid(size=(122, 101, 30), spacing=(3.0, 3.0, 3.0), origin=(-178.0, 11.3, 94.3), turn=0.0) -> Grid:
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) * spacing
    affine[:3, 3] = origin
    return Grid(size, affine)


@given(st.lists(st.floats(-1e-4, 1e-4), min_size=12, max_size=12))
def test_rounding_in_a_header_is_no_difference(noise):
    affine = grid().affine.copy()
    affine[:3] += np.array(noise).reshape(3, 4)
    assert describe_difference(Grid(grid().size, affine), grid()) is None


def test_size_and_spacing_are_given_with_numbers():
    text = describe_difference(grid((512, 512, 133), (0.7, 0.7, 2.5)), grid())
    assert text is not None
    assert "size 512x512x133 instead of 122x101x30 voxels" in text
    assert "spacing 0.7 x 0.7 x 2.5 instead of 3 x 3 x 3 mm" in text
    assert "origin" not in text and "axes" not in text


def test_a_shifted_origin_is_given_with_its_distance():
    text = describe_difference(grid(origin=(-168.0, 11.3, 94.3)), grid())
    assert text == "origin (-168.0, 11.3, 94.3) instead of (-178.0, 11.3, 94.3), which is 10.0 mm away"


def test_turned_axes_are_given_in_degrees():
    assert describe_difference(grid(turn=7.0), grid()) == "axes turned by 7.0 degrees"


def test_the_same_voxels_in_another_order_are_called_that():
    text = describe_difference(orient_grid(grid(), "LAS"), grid())
    assert text == "the same voxels in another axis order, LAS instead of RAS"


def test_another_order_on_other_voxels_names_the_axes():
    text = describe_difference(orient_grid(grid((100, 101, 30)), "LPS"), grid())
    assert text is not None and "axes LPS instead of RAS" in text


def test_a_spacing_off_by_a_little_adds_up_and_is_told():
    size = (512, 512, 800)
    text = describe_difference(grid(size, (0.9, 0.9, 1.0008)), grid(size, (0.9, 0.9, 1.0)))
    assert text == "far corner 0.64 mm off"
