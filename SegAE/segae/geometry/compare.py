"""Do two grids place the same voxels at the same points, and if not, what is different?"""

from __future__ import annotations

from itertools import product

import numpy as np

from segae.geometry.grid import Grid
from segae.geometry.orientation import axis_codes, orient_grid

# File formats round: grids are the same when no corner is off by more than this share of the spacing.
SAME_WITHIN_VOXELS = 0.1


def describe_difference(grid: Grid, reference: Grid) -> str | None:
    """What `grid` has other than `reference`, in words and numbers; None when that is rounding at most.

    A list such as "size 122x101x30 instead of 512x512x133 voxels, spacing ... instead of ... mm", to follow
    "... does not lie on the grid of ...: ".
    """
    if _same(grid, reference):
        return None
    codes, reference_codes = axis_codes(grid), axis_codes(reference)
    if codes != reference_codes and _same(orient_grid(grid, reference_codes), reference):
        return f"the same voxels in another axis order, {codes} instead of {reference_codes}"
    parts = [text for told in (_size, _spacing, _direction, _origin) for text in told(grid, reference)]
    return ", ".join(parts) or f"far corner {corner_distance(grid, reference):.2f} mm off"


def _same(grid: Grid, reference: Grid) -> bool:
    return grid.size == reference.size and (
        corner_distance(grid, reference) <= SAME_WITHIN_VOXELS * float(reference.spacing.min())
    )


def corner_distance(grid: Grid, reference: Grid) -> float:
    """Largest distance in mm between equal corners of two grids of one size."""
    corners = np.array(list(product(*((0, n - 1) for n in reference.size))))
    return float(np.linalg.norm(grid.world(corners) - reference.world(corners), axis=1).max())


def _size(grid: Grid, reference: Grid) -> list[str]:
    if grid.size == reference.size:
        return []
    return [f"size {_voxels(grid)} instead of {_voxels(reference)} voxels"]


def _spacing(grid: Grid, reference: Grid) -> list[str]:
    if np.allclose(grid.spacing, reference.spacing, rtol=1e-3):
        return []
    return [f"spacing {_mm(grid.spacing, ' x ')} instead of {_mm(reference.spacing, ' x ')} mm"]


def _direction(grid: Grid, reference: Grid) -> list[str]:
    codes, reference_codes = axis_codes(grid), axis_codes(reference)
    if codes != reference_codes:
        return [f"axes {codes} instead of {reference_codes}"]
    cosines = (grid.directions * reference.directions).sum(axis=0)
    degrees = float(np.degrees(np.arccos(np.clip(cosines.min(), -1.0, 1.0))))
    return [f"axes turned by {degrees:.1f} degrees"] if degrees >= 0.1 else []


def _origin(grid: Grid, reference: Grid) -> list[str]:
    shift = grid.affine[:3, 3] - reference.affine[:3, 3]
    distance = float(np.linalg.norm(shift))
    if distance <= SAME_WITHIN_VOXELS * float(reference.spacing.min()):
        return []
    place, reference_place = _mm(grid.affine[:3, 3], ", "), _mm(reference.affine[:3, 3], ", ")
    return [f"origin ({place}) instead of ({reference_place}), which is {distance:.1f} mm away"]


def _voxels(grid: Grid) -> str:
    return "x".join(str(n) for n in grid.size)


def _mm(values: np.ndarray, separator: str) -> str:
    return separator.join(f"{value:.4g}" if abs(value) < 100 else f"{value:.1f}" for value in values)
