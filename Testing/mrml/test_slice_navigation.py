"""Going to a slice, and telling which one is shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.geometry.grid import Grid
from SegAELib.mrml.binding import slicer
from SegAELib.mrml.matrices import volume_grid
from SegAELib.mrml.slice_navigation import (
    jump_to,
    nearest_view,
    shown_slice,
    slice_centre,
    slice_nodes,
    turn_to_slices,
)

ORIENTATIONS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}


@pytest.fixture
def views(mini):
    logics = []
    for name, orientation in ORIENTATIONS.items():
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(mini.application)
        logic.SetMRMLScene(mini.scene)
        logic.AddSliceNode(name).SetOrientation(orientation)
        logics.append(logic)
    return {logic.GetSliceNode().GetName(): logic for logic in logics}


def test_all_views_move_to_a_place_and_keep_pan_and_zoom(mini, views):
    assert len(slice_nodes(mini.scene)) == 3
    field = {name: logic.GetSliceNode().GetFieldOfView() for name, logic in views.items()}
    jump_to(mini.scene, (11, 22, 33))
    assert [views[name].GetSliceOffset() for name in ORIENTATIONS] == pytest.approx(
        [33, -11, 22]
    )  # sagittal: to the left
    assert {name: logic.GetSliceNode().GetFieldOfView() for name, logic in views.items()} == field
    matrix = views["Red"].GetSliceNode().GetSliceToRAS()
    assert (matrix.GetElement(0, 3), matrix.GetElement(1, 3)) == (0, 0)
    jump_to(mini.scene, (11, 22, 33), centred=True)
    assert (matrix.GetElement(0, 3), matrix.GetElement(1, 3)) == (11, 22)


def test_only_the_views_of_a_group_move(mini, views):
    views["Green"].GetSliceNode().SetViewGroup(3)
    jump_to(mini.scene, (1, 2, 3), view_group=3)
    assert [views[name].GetSliceOffset() for name in ORIENTATIONS] == pytest.approx([0, 0, 2])


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("flip", [1, -1])
def test_every_slice_that_was_gone_to_is_the_slice_shown(mini, views, moved, flip):
    affine = np.diag([0.8, 0.9, 2.5 * flip, 1])
    affine[:3, 3] = (-30, 12, 77)
    volume = mini.add_volume(np.zeros((9, 10, 11), np.int16), affine)
    if moved:
        shift = np.eye(4)
        shift[:3, 3] = (3, 4, 11.3)
        mini.add_transform(shift, volume)
    grid = volume_grid(volume)
    red = views["Red"].GetSliceNode()
    for axis, view in ((0, "Red"), (1, "Green"), (2, "Yellow")):
        for index in range(grid.shape[axis]):
            jump_to(mini.scene, slice_centre(grid, axis, index))
            assert shown_slice(views[view].GetSliceNode(), grid, axis) == index
    assert shown_slice(red, grid, 1) is None  # the axial view shows no coronal slice


def test_it_agrees_with_slicers_own_numbers(mini, views):
    volume = mini.load_ct()
    grid = volume_grid(volume)
    red = views["Red"]
    red.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
    for index in (0, 13, 29):
        jump_to(mini.scene, slice_centre(grid, 0, index))
        assert red.GetSliceIndexFromOffset(red.GetSliceOffset(), volume) == index + 1  # Slicer counts from 1
        assert shown_slice(red.GetSliceNode(), grid, 0) == index


def test_outside_of_the_volume_no_slice_is_shown(mini, views):
    grid = Grid((5, 6, 7), np.diag([1, 1, 2, 1.0]))
    for z, index in ((-1.1, None), (-0.9, 0), (12.9, 6), (13.1, None)):
        jump_to(mini.scene, (0, 0, z))
        assert shown_slice(views["Red"].GetSliceNode(), grid, 0) == index


def tilted(degrees: float) -> Grid:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    affine = np.eye(4)
    affine[1:3, 1:3] = [[c, -s], [s, c]]
    return Grid((20, 30, 40), affine @ np.diag([0.7, 0.8, 3, 1]))


def test_a_tilted_volume_has_no_single_slice_until_the_view_is_turned_to_it(mini, views):
    grid = tilted(12)
    red = views["Red"].GetSliceNode()
    jump_to(mini.scene, slice_centre(grid, 0, 17))
    assert shown_slice(red, grid, 0) is None
    turn_to_slices(red, grid, 0)
    for index in (0, 17, 39):
        jump_to(mini.scene, slice_centre(grid, 0, index))
        assert shown_slice(red, grid, 0) == index
    red.SetOrientation("Axial")
    assert shown_slice(red, grid, 0) is None


@given(st.floats(-40, 40))
def test_turning_lays_the_view_into_the_slices_whatever_the_tilt(degrees):
    node = slicer.vtkMRMLSliceNode()
    turn_to_slices(node, tilted(degrees), 0)
    middle = slice_centre(tilted(degrees), 0, 20)
    node.JumpSliceByOffsetting(*middle)
    assert shown_slice(node, tilted(degrees), 0) == 20


def test_the_view_of_a_volumes_slices_is_the_one_that_lies_in_them(mini, views):
    sagittal_storage = Grid((5, 6, 7), np.array([[0, 0, 2, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]]))
    assert nearest_view(mini.scene, tilted(10), 0) is views["Red"].GetSliceNode()
    assert nearest_view(mini.scene, sagittal_storage, 0) is views["Yellow"].GetSliceNode()
    assert nearest_view(mini.scene, sagittal_storage, 1) is views["Red"].GetSliceNode()


def test_without_views_nothing_happens(mini):
    jump_to(mini.scene, (1, 2, 3))
    assert nearest_view(mini.scene, tilted(0), 0) is None
