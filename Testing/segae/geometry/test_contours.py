"""Pixels inside contours, by their centres."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.geometry.contours import fill_all

SHAPE = (12, 14)


def rectangle(top: float, left: float, bottom: float, right: float) -> np.ndarray:
    return np.array([[top, left], [top, right], [bottom, right], [bottom, left]], float)


def block(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    """The pixels from the first to the last, both included."""
    pixels = np.zeros(SHAPE, bool)
    pixels[top : bottom + 1, left : right + 1] = True
    return pixels


def filled(*contours: np.ndarray, xor: bool = False) -> np.ndarray:
    return fill_all(contours, SHAPE, xor=xor).pixels


@pytest.mark.parametrize("margin", [0.0, 0.3, 0.5, 0.9])
def test_a_contour_through_or_around_the_outermost_centres_gives_their_pixels(margin: float) -> None:
    contour = rectangle(2 - margin, 3 - margin, 6 + margin, 9 + margin)
    for one in (contour, contour[::-1], np.roll(contour, 1, axis=0), np.vstack([contour, contour[:1]])):
        np.testing.assert_array_equal(filled(one), block(2, 3, 6, 9))


def test_what_lies_inside_the_outermost_centres_loses_them() -> None:
    np.testing.assert_array_equal(filled(rectangle(2.1, 3.1, 5.9, 8.9)), block(3, 4, 5, 8))


def test_rounding_in_a_file_decides_nothing() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        contour = rectangle(2, 3, 6, 9) + rng.uniform(-0.005, 0.005, (4, 2))
        np.testing.assert_array_equal(filled(contour), block(2, 3, 6, 9))


def test_neighbours_that_share_a_line_between_pixels_share_no_pixel() -> None:
    left, right = rectangle(1.5, 1.5, 6.5, 4.5), rectangle(1.5, 4.5, 6.5, 9.5)
    assert not (filled(left) & filled(right)).any()
    np.testing.assert_array_equal(filled(left, right), block(2, 2, 6, 9))


def test_a_contour_in_another_is_a_hole_and_one_in_the_hole_an_island() -> None:
    outer, hole, island = (rectangle(1 + n, 1 + n, 10 - n, 11 - n) for n in (0, 2, 4))
    expected = block(1, 1, 10, 11) & ~block(4, 4, 7, 8) | block(5, 5, 6, 7)
    for order in ((outer, hole, island), (island, outer, hole)):
        for xor in (False, True):
            np.testing.assert_array_equal(filled(*order, xor=xor), expected)


def test_the_border_of_a_hole_belongs_to_the_structure() -> None:
    found = filled(rectangle(1, 1, 10, 11), rectangle(3, 3, 8, 9))
    assert found[3, 3:10].all() and found[3:9, 3].all() and not found[4:8, 4:9].any()


@pytest.mark.parametrize("width", [0.0, 0.2])
def test_a_channel_leads_into_a_hole(width: float) -> None:
    """From the outer line along row 5 to the hole, around it, and back."""
    outer, inner = rectangle(0.5, 0.5, 10.5, 12.5), rectangle(3.5, 4.5, 7.5, 9.5)
    gate, back = np.array([[5.3, 0.5], [5.3, 4.5]]), np.array([[5.3 + width, 4.5], [5.3 + width, 0.5]])
    upper = [outer[0], outer[1], outer[2], outer[3], back[1], back[0]]
    contour = np.array([*upper, inner[3], inner[2], inner[1], inner[0], gate[1], gate[0]])
    expected = block(1, 1, 10, 12) & ~block(4, 5, 7, 9)
    np.testing.assert_array_equal(filled(contour), expected)


def test_contours_that_cross_are_told_and_taken_together() -> None:
    one, other = rectangle(1, 1, 6, 6), rectangle(4, 4, 9, 11)
    found = fill_all([one, other], SHAPE)
    assert found.crossing == 1
    np.testing.assert_array_equal(found.pixels, block(1, 1, 6, 6) | block(4, 4, 9, 11))
    assert not filled(one, other, xor=True)[5, 5]
    assert fill_all([one, rectangle(7, 7, 9, 11)], SHAPE).crossing == 0


def test_a_hole_that_reaches_over_the_border_is_a_hole() -> None:
    found = fill_all([rectangle(0.5, 0.5, 9.5, 9.5), rectangle(2.5, 5.5, 6.5, 10.5)], SHAPE)
    assert found.crossing == 1
    np.testing.assert_array_equal(found.pixels, block(1, 1, 9, 9) & ~block(3, 6, 6, 9))


def test_what_reaches_beyond_the_image_is_cut_off() -> None:
    np.testing.assert_array_equal(filled(rectangle(-5, 8, 30, 1e300)), block(0, 8, 11, 13))
    assert not filled(rectangle(20, 20, 30, 30)).any() and not filled(rectangle(-9, -9, -5, -5)).any()


def test_a_contour_smaller_than_a_pixel_changes_nothing() -> None:
    tiny = rectangle(4.2, 4.2, 4.4, 4.4)
    np.testing.assert_array_equal(filled(rectangle(1, 1, 10, 11), tiny), block(1, 1, 10, 11))
    assert not filled(tiny).any()


@given(st.lists(st.tuples(st.integers(-8, 40), st.integers(-8, 40)), min_size=3, max_size=9))
def test_every_polygon_agrees_with_looking_at_each_centre(corners: list[tuple[int, int]]) -> None:
    """Corners on a raster that no centre comes near: a third of a pixel beside it."""
    contour = np.array(corners, float) / 3 + 0.17
    expected = np.zeros(SHAPE, bool)
    near = np.zeros(SHAPE, bool)
    for row in range(SHAPE[0]):
        for column in range(SHAPE[1]):
            for (y0, x0), (y1, x1) in zip(contour, np.roll(contour, -1, axis=0), strict=True):
                if (y0 > row) != (y1 > row):
                    x = x0 + (row - y0) * (x1 - x0) / (y1 - y0)
                    expected[row, column] ^= x < column
                length = np.hypot(y1 - y0, x1 - x0)
                if length:
                    away = abs((y1 - y0) * (column - x0) - (x1 - x0) * (row - y0)) / length
                    near[row, column] |= away < 0.02
    np.testing.assert_array_equal(filled(contour)[~near], expected[~near])
