"""The surface of a segment, coloured by the predicted error."""

from __future__ import annotations

import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy

from segae.data import Segment
from segae.errors import InputError
from segae.geometry.grid import Grid
from SegAELib.mrml.binding import nodes_of_class
from SegAELib.mrml.error_surface import COLOURS, ERROR, ErrorSurface, coloured_surface

GRID = Grid((40, 40, 30), np.diag((-2.0, -2.0, 3.0, 1.0)) + np.outer((1, 0, 0, 0), (0, 0, 0, 50.0)))


def part(name, *ranges):
    mask = np.zeros(GRID.shape, bool)
    mask[tuple(slice(*ends) for ends in ranges)] = True
    return Segment.from_mask(name, None, mask, GRID)


BODY = part("liver", (8, 20), (10, 30), (10, 30))
BESIDE = part("missing", (8, 20), (10, 30), (30, 34))  # at high i
INSIDE = part("extra", (8, 20), (10, 30), (10, 13))  # at low i
NOTHING = part("none", (0, 0), (0, 0), (0, 0))


def points(surface):
    """Indices (k, j, i) of the points of a surface, and the error at each."""
    places = vtk_to_numpy(surface.GetPoints().GetData())
    index = (np.linalg.inv(GRID.affine) @ np.c_[places, np.ones(len(places))].T)[:3].T[:, ::-1]
    return index, vtk_to_numpy(surface.GetPointData().GetArray(ERROR))


def test_the_surface_lies_round_the_mask_in_the_world():
    index, error = points(coloured_surface(BODY, NOTHING, NOTHING))
    assert index.min(axis=0) == pytest.approx((7.5, 9.5, 9.5), abs=0.4)
    assert index.max(axis=0) == pytest.approx((19.5, 29.5, 29.5), abs=0.4)
    assert not error.any()


def test_sides_that_are_wrong_are_coloured_as_missing_and_extra():
    surface = coloured_surface(BODY, BESIDE, INSIDE)
    index, error = points(surface)
    middle = (abs(index[:, 0] - 14) < 3) & (abs(index[:, 1] - 20) < 6)
    assert error[middle & (index[:, 2] > 29)].max() < -0.8, "missing beside it"
    assert error[middle & (index[:, 2] < 10)].min() > 0.8, "extra inside"
    assert abs(error[abs(index[:, 2] - 20) < 2]).max() < 0.05, "right far from both"
    colours = vtk_to_numpy(surface.GetPointData().GetArray(COLOURS))
    assert colours.dtype == np.uint8 and colours.shape == (len(index), 3)
    grey = colours[abs(error) < 0.01].astype(int)
    assert np.ptp(grey, axis=1).max() < 15


def test_of_an_empty_mask_the_missing_organ_is_shown():
    index, error = points(coloured_surface(NOTHING, BODY, NOTHING))
    assert index.max(axis=0) == pytest.approx((19.5, 29.5, 29.5), abs=0.4)
    assert error.max() < -0.5
    with pytest.raises(InputError, match="no surface"):
        coloured_surface(NOTHING, NOTHING, NOTHING)


def test_the_model_is_hidden_not_saved_and_goes_without_a_trace(mini):
    before = mini.scene.GetNumberOfNodes()
    surface = ErrorSurface(mini.scene, BODY, BESIDE, INSIDE)
    (node,) = nodes_of_class(mini.scene, "vtkMRMLModelNode")
    assert node.GetHideFromEditors() and not node.GetSaveWithScene()
    assert node.GetDisplayNode().GetVisibility() and not node.GetDisplayNode().GetVisibility2D()
    assert not node.GetDisplayNode().GetSaveWithScene()
    surface.remove()
    surface.remove()
    assert mini.scene.GetNumberOfNodes() == before and not surface.is_alive
