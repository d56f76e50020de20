"""From SimpleITK's LPS frame to the RAS frame used here. The only place where the two meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segae.geometry.grid import Grid

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


def grid_from_lps(
    size: Sequence[int], spacing: Sequence[float], direction: Sequence[float], origin: Sequence[float]
) -> Grid:
    """Grid of an image as SimpleITK describes it: size, spacing and axes along i, j, k; mm in LPS."""
    affine = np.eye(4)
    affine[:3, :3] = _LPS_TO_RAS @ (np.reshape(direction, (3, 3)) * np.asarray(spacing))
    affine[:3, 3] = _LPS_TO_RAS @ np.asarray(origin)
    ni, nj, nk = (int(n) for n in size)
    return Grid((ni, nj, nk), affine)


def ras_from_lps(vector: Sequence[float]) -> np.ndarray:
    """A vector or point (x, y, z) in RAS."""
    return _LPS_TO_RAS @ np.asarray(vector, float)
