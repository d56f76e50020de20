"""The surface of a segment in 3D, coloured by what is predicted to be wrong along it."""

from __future__ import annotations

import numpy as np
import vtk
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from segae.data import Segment
from segae.errors import InputError
from segae.geometry.box import Box, enclosing_box
from segae.report.style import ERROR_COLOURS
from SegAELib.mrml.binding import Node, Scene, slicer
from SegAELib.mrml.matrices import to_vtk
from SegAELib.mrml.nodes import add_hidden_node
from SegAELib.mrml.score_bins import rgb

RIGHT = (0.85, 0.85, 0.82)  # colour where nothing is predicted to be wrong
REACH_MM = 4.0  # how far from a wrong voxel the surface shows it
_MARGIN = 3  # voxels around the parts, so that the surface is closed
_SMOOTH = 15  # iterations: steps of voxels go, the shape stays
ERROR, COLOURS = "predicted error", "colours"  # point arrays; the first is -1 (missing) to 1 (extra)


class ErrorSurface:
    """A model of the surface of `mask`, hidden from lists and not saved.

    `mask`, `missing`, `extra`: on one grid in the world. Of an empty mask the surface of what is missing is
    shown. Raises `InputError` when both are empty.
    """

    def __init__(self, scene: Scene, mask: Segment, missing: Segment, extra: Segment) -> None:
        self.node: Node = add_hidden_node(scene, "vtkMRMLModelNode", f"{mask.name} predicted errors")
        self.node.SetAndObservePolyData(coloured_surface(mask, missing, extra))
        display = add_hidden_node(scene, "vtkMRMLModelDisplayNode", f"{mask.name} predicted errors")
        display.SetVisibility2D(False)
        display.SetActiveScalarName(COLOURS)
        display.SetScalarRangeFlag(slicer.vtkMRMLDisplayNode.UseDirectMapping)
        display.SetScalarVisibility(True)
        self.node.SetAndObserveDisplayNodeID(display.GetID())

    @property
    def is_alive(self) -> bool:
        """Whether the node still is in a scene."""
        return self.node is not None and self.node.GetScene() is not None

    def remove(self) -> None:
        """Take the surface out of the scene, unless that is closing; may be called again."""
        node, self.node = self.node, None
        if node is None or node.GetScene() is None or node.GetScene().IsClosing():
            return
        scene, display = node.GetScene(), node.GetDisplayNode()
        scene.RemoveNode(node)
        if display is not None and display.GetScene() is not None:
            scene.RemoveNode(display)


def coloured_surface(mask: Segment, missing: Segment, extra: Segment) -> vtk.vtkPolyData:
    """Surface in RAS mm of the world with the point arrays `ERROR` (-1 to 1) and `COLOURS` (RGB, bytes)."""
    shown = missing if mask.is_empty else mask
    if shown.is_empty:
        raise InputError(f'"{mask.name}" has no voxels, and none are predicted; there is no surface to show.')
    box = _padded(enclosing_box(one.box for one in (mask, missing, extra)))
    surface = _surface(_filled(shown, box))
    spacing = mask.grid.spacing
    wrong = [
        _sampled(_spread(_filled(one, box), spacing), surface)
        if not one.is_empty
        else np.zeros(surface.GetNumberOfPoints())
        for one in (missing, extra)
    ]
    _colour(surface, *wrong)
    return _in_world(surface, box, mask.grid.affine)


def _padded(box: Box) -> Box:
    return Box.of_ends((n - _MARGIN for n in box.start), (n + _MARGIN for n in box.stop))


def _filled(segment: Segment, box: Box) -> np.ndarray:
    """0 and 1 (float32) in a box (k, j, i) that holds the segment."""
    array = np.zeros(box.shape, np.float32)
    if not segment.is_empty:
        array[segment.box.relative_to(box).slices] = segment.voxels()
    return array


def _image(array: np.ndarray) -> vtk.vtkImageData:
    """Voxels (k, j, i) as an image in index space."""
    image = vtk.vtkImageData()
    image.SetDimensions(array.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(array).ravel(), deep=True))
    return image


def _surface(array: np.ndarray) -> vtk.vtkPolyData:
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputData(_image(array))
    contour.SetValue(0, 0.5)
    contour.ComputeNormalsOff()
    contour.ComputeScalarsOff()
    smooth = vtk.vtkWindowedSincPolyDataFilter()
    smooth.SetInputConnection(contour.GetOutputPort())
    smooth.SetNumberOfIterations(_SMOOTH)
    smooth.NormalizeCoordinatesOn()
    smooth.Update()
    return smooth.GetOutput()


def _spread(array: np.ndarray, spacing: np.ndarray) -> vtk.vtkImageData:
    """How near the wrong voxels are: 1 in them, falling to 0 at about `REACH_MM`."""
    smooth = vtk.vtkImageGaussianSmooth()
    smooth.SetInputData(_image(array))
    smooth.SetStandardDeviations(*(REACH_MM / 2 / np.asarray(spacing)).tolist())
    smooth.SetRadiusFactors(2.0, 2.0, 2.0)
    smooth.Update()
    return smooth.GetOutput()


def _sampled(image: vtk.vtkImageData, surface: vtk.vtkPolyData) -> np.ndarray:
    """Values of an image at the points of a surface; a thin sheet of wrong voxels counts in full."""
    probe = vtk.vtkProbeFilter()
    probe.SetInputData(surface)
    probe.SetSourceData(image)
    probe.Update()
    return np.clip(2.5 * vtk_to_numpy(probe.GetOutput().GetPointData().GetScalars()), 0, 1)


def _colour(surface: vtk.vtkPolyData, missing: np.ndarray, extra: np.ndarray) -> None:
    is_extra = extra >= missing
    strength = np.where(is_extra, extra, missing)[:, None]
    parts = {key: np.array(rgb(colour)) for key, colour in ERROR_COLOURS.items()}
    wrong = np.where(is_extra[:, None], parts["extra"], parts["missing"])
    colours = np.rint(255 * ((1 - strength) * np.array(RIGHT) + strength * wrong)).astype(np.uint8)
    for name, values in ((ERROR, np.where(is_extra, extra, -missing)), (COLOURS, colours)):
        array = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
        array.SetName(name)
        surface.GetPointData().AddArray(array)


def _in_world(surface: vtk.vtkPolyData, box: Box, affine: np.ndarray) -> vtk.vtkPolyData:
    """From indices in the box to RAS mm, with normals for light."""
    shift = np.eye(4)
    shift[:3, 3] = box.start[::-1]
    transform = vtk.vtkTransform()
    transform.SetMatrix(to_vtk(affine @ shift))
    moved = vtk.vtkTransformPolyDataFilter()
    moved.SetInputData(surface)
    moved.SetTransform(transform)
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(moved.GetOutputPort())
    normals.SplittingOff()
    normals.Update()
    return normals.GetOutput()
