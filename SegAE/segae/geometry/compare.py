"""Do two grids place the same voxels at the same points, and if not, what is different?

The order of the axes is no difference between voxels: a grid can be brought to that of another without loss.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from segae.geometry.grid import Grid
from segae.geometry.orientation import axis_codes, orient_grid

# File formats round: grids are the same when no corner is off by more than this share of the spacing.
SAME_WITHIN_VOXELS = 0.1


def find_place(grid: Grid, reference: Grid) -> tuple[int, int, int] | None:
    """Where on `reference` (i, j, k) the voxels of `grid`, taken in the axis order of `reference`, begin.

    None unless each of them is a voxel of `reference`, and all of it, or a part where `grid` may be a crop.
    """
    if not (grid.placed and reference.placed):
        return None
    ordered = orient_grid(grid, axis_codes(reference))
    first = np.linalg.solve(reference.affine[:3, :3], ordered.affine[:3, 3] - reference.affine[:3, 3])
    if not np.isfinite(first).all():
        return None
    i, j, k = (int(n) for n in np.round(first))
    affine = reference.affine.copy()
    affine[:3, 3] = reference.world(np.array([i, j, k]))
    ends = zip((i, j, k), ordered.size, reference.size, strict=True)
    inside = all(n >= 0 and n + size <= whole for n, size, whole in ends)
    is_whole = ordered.size == reference.size and (i, j, k) == (0, 0, 0)
    same = _same(ordered, Grid(ordered.size, affine))
    return (i, j, k) if same and (is_whole or (grid.is_crop and inside)) else None


def shear(grid: Grid) -> tuple[float, float]:
    """How far the axes are from right angles: the largest angle in degrees, and how far in mm the corners lie
    from those of the nearest right-angled grid of the same spacing and centre."""
    cosines = grid.directions.T @ grid.directions
    off = float(np.abs(cosines - np.diag(np.diag(cosines))).max())
    u, _, vt = np.linalg.svd(grid.directions)
    upright = (u @ vt) * grid.spacing
    half = (np.array(grid.size) - 1) / 2
    corners = np.array(list(product(*((-n, n) for n in half))))
    away = np.linalg.norm(corners @ (grid.affine[:3, :3] - upright).T, axis=1).max()
    return float(np.degrees(np.arcsin(np.clip(off, 0.0, 1.0)))), float(away)


def lost_place(grid: Grid, reference: Grid) -> bool:
    """Whether two grids have the same size and spacing, and either the same axes or a header without any, so
    that only the place of `grid` in the patient may have been lost."""
    same_axes = not grid.placed or bool(np.allclose(grid.directions, reference.directions, atol=1e-3))
    return grid.size == reference.size and not _spacing(grid, reference) and same_axes


def describe_difference(grid: Grid, reference: Grid, *, any_order: bool = False) -> str | None:
    """What `grid` has other than `reference`, in words and numbers; None when that is rounding at most, or
    with `any_order` the order of the axes alone. Numbers are those in the axis order of `reference`.

    A list such as "size 122x101x30 instead of 512x512x133 voxels, spacing ... instead of ... mm", to follow
    "... does not lie on the grid of ...: ".
    """
    if _same(grid, reference):
        return None
    codes, reference_codes = axis_codes(grid), axis_codes(reference)
    if not grid.placed:
        return "its header does not say where it lies in the patient"
    grid = orient_grid(grid, reference_codes)
    if _same(grid, reference):
        in_order = f"the same voxels in another axis order, {codes} instead of {reference_codes}"
        return None if any_order else in_order
    parts = [text for told in (_size, _spacing, _direction) for text in told(grid, reference)]
    parts += [f"axes {codes} instead of {reference_codes}"] if codes != reference_codes else []
    parts += _origin(grid, reference)
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
