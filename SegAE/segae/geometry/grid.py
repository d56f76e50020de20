"""The voxel grid of an image: its size, and the affine that places voxels in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular grid of voxels.

    `size`: number of voxels (ni, nj, nk) along the file's own axes.
    `affine`: 4x4, voxel index (i, j, k, 1) -> position (x, y, z, 1) in RAS millimetres.
    `placed`: False where a header gives sizes but does not say how they lie in the patient. `is_crop`: it may
    be a part of a larger image, as 3D Slicer writes segmentations.
    Voxel arrays are indexed [k, j, i], as SimpleITK and Slicer hand them out.
    """

    size: tuple[int, int, int]
    affine: np.ndarray
    placed: bool = True
    is_crop: bool = False

    @cached_property
    def spacing(self) -> np.ndarray:
        """Millimetres between neighbours along i, j, k."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @cached_property
    def directions(self) -> np.ndarray:
        """3x3; column n is the unit vector of axis n (i, j, k) in RAS."""
        return self.affine[:3, :3] / self.spacing

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a voxel array on this grid: (nk, nj, ni)."""
        ni, nj, nk = self.size
        return (nk, nj, ni)

    def world(self, ijk: np.ndarray) -> np.ndarray:
        """RAS millimetres of voxel indices (..., 3) in the order i, j, k."""
        return np.asarray(ijk, float) @ self.affine[:3, :3].T + self.affine[:3, 3]
