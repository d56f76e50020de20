"""A CT out of the scene."""

from __future__ import annotations

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy

from segae.data import Volume
from SegAELib.mrml.binding import VolumeNode
from SegAELib.mrml.matrices import volume_grid

INT16 = np.iinfo(np.int16)


def read_volume(node: VolumeNode) -> Volume:
    """A copy of a volume node's voxels [k, j, i] on its grid in the world.

    int16 where all values are whole numbers of a type that fit, else float32. Raises `InputError` for a node
    without voxels, removed from the scene, or under a non-linear transform.
    """
    grid = volume_grid(node)
    image = node.GetImageData()
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(grid.shape)
    return Volume(_hounsfield(voxels), grid, node.GetName())


def _hounsfield(voxels: np.ndarray) -> np.ndarray:
    return voxels.astype(np.int16 if _fits_int16(voxels) else np.float32)


def _fits_int16(voxels: np.ndarray) -> bool:
    if np.can_cast(voxels.dtype, np.int16):  # the usual CT: no need to look at every voxel
        return True
    whole = np.issubdtype(voxels.dtype, np.integer)
    return whole and int(voxels.min()) >= INT16.min and int(voxels.max()) <= INT16.max
