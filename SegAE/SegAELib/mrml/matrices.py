"""4x4 matrices between voxels, nodes and the world, as numpy arrays."""

from __future__ import annotations

import numpy as np
import vtk

from segae.data import CTPlace, DicomIds
from segae.geometry.grid import Grid
from SegAELib.mrml.binding import Node, OrientedImage, VolumeNode, slicer
from SegAELib.mrml.nodes import require_linear_transform, require_volume


def to_numpy(matrix: vtk.vtkMatrix4x4) -> np.ndarray:
    """A VTK matrix as an array (4, 4)."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def to_vtk(array: np.ndarray) -> vtk.vtkMatrix4x4:
    """An array (4, 4) as a VTK matrix."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(array, float).ravel().tolist())
    return matrix


def ijk_to_node(volume: VolumeNode) -> np.ndarray:
    """Voxel index (i, j, k, 1) of a volume -> RAS mm in the node's own space, parent transforms left out."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return to_numpy(matrix)


def image_to_node(image: OrientedImage) -> np.ndarray:
    """Voxel index (i, j, k, 1) of a labelmap of a segmentation -> RAS mm in the segmentation's own space."""
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return to_numpy(matrix)


def between_nodes(source: Node, target: Node | None) -> np.ndarray:
    """Space of `source` -> space of `target` (None: the world), over all parent transforms.

    Raises `InputError` when one of them is not linear.
    """
    require_linear_transform(source)
    if target is not None:
        require_linear_transform(target)
    matrix = vtk.vtkMatrix4x4()
    slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(
        source.GetParentTransformNode(),
        target.GetParentTransformNode() if target is not None else None,
        matrix,
    )
    return to_numpy(matrix)


def volume_place(volume: VolumeNode) -> CTPlace:
    """Where masks in files belong: the voxels of a volume node without its parent transforms, of which files
    know nothing, and the DICOM images that it was loaded from. Raises `InputError` for a missing or empty
    volume."""
    require_volume(volume)
    ni, nj, nk = volume.GetImageData().GetDimensions()
    images = frozenset((volume.GetAttribute("DICOM.instanceUIDs") or "").split())
    return CTPlace(Grid((ni, nj, nk), ijk_to_node(volume)), DicomIds(images=images), volume.GetName())


def volume_grid(volume: VolumeNode) -> Grid:
    """The voxels of a volume node in the world: its own geometry under its parent transforms.

    Raises `InputError` for a missing, empty or non-linearly transformed volume.
    """
    require_volume(volume)
    ni, nj, nk = volume.GetImageData().GetDimensions()
    return Grid((ni, nj, nk), between_nodes(volume, None) @ ijk_to_node(volume))
