"""Masks come to the grid of their CT without loss where that is possible; all else is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segae.checks.placement import bring_to_grid, check_axes
from segae.data import Segment, Segmentation, Volume
from segae.geometry.grid import Grid
from segae.geometry.orientation import axis_codes, orient_array, orient_grid
from segae.labels.resolver import resolve

CODES = ["RAS", "LPS", "LAS", "ASR", "SPL", "PIR", "IRA"]
SIZE = (9, 8, 7)


def turned(degrees: float = 0.0, tilt: float = 0.0) -> Grid:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) * (2.0, 2.5, 3.0)
    affine[1, 2] += 3.0 * np.tan(np.radians(tilt))
    affine[:3, 3] = (-40, 25, 110)
    return Grid(SIZE, affine)


def ct_on(grid: Grid) -> Volume:
    return Volume(np.zeros(grid.shape, np.int16), grid, "ct.nii.gz")


def mask() -> np.ndarray:
    return np.random.default_rng(3).random(SIZE[::-1]) > 0.8


def liver(mask: np.ndarray, grid: Grid) -> Segment:
    return Segment.from_mask("liver", resolve("liver").structure, mask, grid, source="liver.nii.gz")


def brought(segment: Segment, ct: Volume, **options: bool) -> tuple[list[Segment], list]:
    options = {"resample": False, **options}
    return bring_to_grid(Segmentation((segment,), "masks"), ct, **options)  # type: ignore[arg-type]


@settings(max_examples=40)
@given(st.sampled_from(CODES), st.sampled_from(CODES), st.floats(-30, 30), st.floats(-25, 25))
def test_another_axis_order_is_reordered_without_loss(
    stored: str, ct_order: str, degrees: float, tilt: float
):
    grid = turned(degrees, tilt)
    ct = ct_on(orient_grid(grid, ct_order))
    segment = liver(orient_array(mask(), grid, stored), orient_grid(grid, stored))
    placed, findings = brought(segment, ct)
    assert findings == []
    np.testing.assert_array_equal(placed[0].full_mask(), orient_array(mask(), grid, ct_order))
    assert placed[0].grid is ct.grid


@pytest.mark.parametrize("order", CODES)
def test_a_crop_is_put_back_where_it_was_cut_out(order: str) -> None:
    grid = turned(10.0)
    affine = grid.affine.copy()
    affine[:3, 3] = grid.world(np.array([2, 3, 1]))
    part = Grid((5, 4, 6), affine, is_crop=True)
    inside = np.ascontiguousarray(mask()[1:7, 3:7, 2:7])
    expected = np.zeros_like(mask())
    expected[1:7, 3:7, 2:7] = inside
    segment = liver(orient_array(inside, part, order), orient_grid(part, order))
    placed, findings = brought(segment, ct_on(grid))
    assert findings == []
    np.testing.assert_array_equal(placed[0].full_mask(), expected)


def test_a_smaller_mask_that_is_no_crop_is_another_grid() -> None:
    grid = turned()
    segment = liver(mask()[:5], Grid((9, 8, 5), grid.affine))
    placed, (finding,) = brought(segment, ct_on(grid))
    assert placed == [] and "size 9x8x5 instead of 9x8x7 voxels" in finding.message


def test_a_crop_that_reaches_beyond_the_ct_is_another_grid() -> None:
    grid = turned()
    affine = grid.affine.copy()
    affine[:3, 3] = grid.world(np.array([6, 0, 0]))
    _, (finding,) = brought(liver(mask()[..., :5], Grid((5, 8, 7), affine, is_crop=True)), ct_on(grid))
    assert finding.code == "GRID_DIFFERS"


def test_differences_are_told_after_reordering() -> None:
    grid = turned()
    moved = orient_grid(grid, "LPS")
    moved.affine[0, 3] += 10.0
    _, (finding,) = brought(liver(orient_array(mask(), grid, "LPS"), moved), ct_on(grid))
    assert "which is 10.0 mm away" in finding.message


def lost(grid: Grid, placed: bool = True) -> Grid:
    affine = grid.affine.copy()
    affine[:3, 3] = 0
    return Grid(grid.size, affine, placed)


@pytest.mark.parametrize("placed", [True, False])
def test_a_mask_that_lost_its_place_takes_the_grid_of_the_ct_when_asked_for(placed: bool) -> None:
    ct = ct_on(turned())
    segment = liver(mask(), lost(ct.grid, placed))
    assert [f.severity for f in brought(segment, ct)[1]] == ["error"]
    assert "--ct-grid" in brought(segment, ct)[1][0].message
    (on_ct,), (finding,) = brought(segment, ct, ct_grid=True)
    assert (finding.code, finding.severity) == (
        "GRID_DIFFERS",
        "warning",
    ) and "as asked for" in finding.message
    np.testing.assert_array_equal(on_ct.full_mask(), mask())


@pytest.mark.parametrize("change", ["size", "spacing", "axes"])
def test_the_grid_of_the_ct_is_not_taken_for_a_mask_of_another_shape(change: str) -> None:
    ct = ct_on(turned())
    grid, voxels = lost(ct.grid), mask()
    if change == "size":
        grid, voxels = replace(grid, size=(9, 8, 5)), voxels[:5]
    elif change == "spacing":
        grid = replace(grid, affine=grid.affine @ np.diag([1.5, 1, 1, 1]))
    else:
        grid = lost(turned(15.0))
    placed, (finding,) = brought(liver(voxels, grid), ct, ct_grid=True)
    assert placed == [] and finding.severity == "error"


def test_a_header_without_place_is_not_resampled() -> None:
    ct = ct_on(turned())
    placed, (finding,) = brought(liver(mask(), lost(ct.grid, placed=False)), ct, resample=True)
    assert placed == [] and "does not say where it lies" in finding.message and finding.severity == "error"


def test_a_tilted_gantry_is_named_in_degrees_and_masks_sheared_alike_are_placed() -> None:
    ct = ct_on(turned(tilt=12.0))
    (finding,) = check_axes(ct)
    assert (finding.code, finding.severity) == ("SHEARED", "warning") and "12.0 degrees" in finding.message
    placed, findings = brought(liver(mask(), Grid(SIZE, ct.grid.affine.copy())), ct)
    assert findings == [] and len(placed) == 1


def test_axes_off_by_rounding_are_tolerated_and_the_amount_is_named() -> None:
    grid = turned()
    grid.affine[1, 0] += 2e-4
    grid = Grid((512, 512, 100), grid.affine)
    (finding,) = check_axes(Volume(np.zeros((1, 1, 1), np.int16), grid, "ct.nii.gz"))
    assert (finding.code, finding.severity) == ("SHEARED", "info")
    assert " mm" in finding.message and "degrees" in finding.message


def test_upright_and_turned_axes_are_not_called_sheared(tmp_path: Path) -> None:
    for degrees in (0.0, 17.0):
        assert check_axes(ct_on(turned(degrees))) == [] and axis_codes(turned(degrees)) == "RAS"
