"""Which way the axes of a file run in the patient, and views of a volume in another axis order.

An orientation code such as "LAS" says where the index grows: i to the Left, j to Anterior, k to Superior, so
that array[k, j, i] has its axial slices first. The code "file" leaves everything as it is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from segae.errors import InputError
from segae.geometry.box import Box
from segae.geometry.grid import Grid

FILE = "file"
_LETTERS = ("RL", "AP", "SI")  # towards + and - along the RAS axes x, y, z


@dataclass(frozen=True)
class _Source:
    """Where an axis of the oriented array comes from: the file axis (0, 1, 2 = i, j, k), reversed or not."""

    axis: int
    flipped: bool


def check_code(code: str) -> None:
    """Raises `InputError` when `code` is neither "file" nor one of the 48 axis orders."""
    if code != FILE and sorted(_world_axis(letter, code) for letter in code) != [0, 1, 2]:
        raise _unknown(code)


def axis_codes(grid: Grid) -> str:
    """Orientation of the file axes i, j, k, for example "RAS"; oblique axes get the nearest patient axis."""
    return "".join(
        _LETTERS[world][0 if grid.directions[world, axis] >= 0 else 1]
        for axis, world in enumerate(_nearest_patient_axes(grid))
    )


def axial_axis(grid: Grid) -> int:
    """Axis (0, 1 or 2) of an array [k, j, i] in file order along which the axial slices are stacked."""
    return 2 - _nearest_patient_axes(grid).index(2)


def obliqueness(grid: Grid) -> float:
    """Largest angle in degrees between a file axis and the patient axis that it stands for (0 = aligned)."""
    cosines = [abs(grid.directions[world, axis]) for axis, world in enumerate(_nearest_patient_axes(grid))]
    return float(np.degrees(np.arccos(np.clip(min(cosines), 0.0, 1.0))))


def to_orientation(array: np.ndarray, grid: Grid, code: str) -> tuple[np.ndarray, Grid]:
    """View of `array` (nk, nj, ni; stored on `grid`) in the axis order `code`, and the grid of that view.

    No voxel is copied or interpolated: an oblique volume keeps its tilt. Raises `InputError` for a code that
    is not one of the 48 axis orders or "file".
    """
    if array.shape != grid.shape:
        raise ValueError(f"array of shape {array.shape} does not lie on a grid of shape {grid.shape}")
    return orient_array(array, grid, code), orient_grid(grid, code)


def orient_array(array: np.ndarray, grid: Grid, code: str) -> np.ndarray:
    """View of `array` [k, j, i] in the axis order `code`; it may be any box cut from a volume on `grid`."""
    sources = _sources(grid, code)
    view = np.transpose(array, [2 - source.axis for source in reversed(sources)])
    steps = tuple(slice(None, None, -1 if source.flipped else 1) for source in reversed(sources))
    return view[steps]


def orient_grid(grid: Grid, code: str) -> Grid:
    """The grid of `grid`'s voxels in the axis order `code`; every voxel keeps its place in the patient."""
    sources = _sources(grid, code)
    affine = grid.affine.copy()
    first_voxel = np.zeros(3)
    for axis, source in enumerate(sources):
        affine[:, axis] = -grid.affine[:, source.axis] if source.flipped else grid.affine[:, source.axis]
        first_voxel[source.axis] = grid.size[source.axis] - 1 if source.flipped else 0
    affine[:3, 3] = grid.world(first_voxel)
    ni, nj, nk = (grid.size[source.axis] for source in sources)
    return Grid((ni, nj, nk), affine, grid.placed, grid.is_crop)


def orient_box(box: Box, grid: Grid, code: str) -> Box:
    """Where the box (k, j, i) of a volume on `grid` lies in the volume oriented to `code`."""
    if box.is_empty:
        return box
    return Box(
        tuple(
            _reversed_range(box[2 - s.axis], grid.size[s.axis]) if s.flipped else box[2 - s.axis]
            for s in reversed(_sources(grid, code))
        )
    )


def slice_axis_in_file(grid: Grid, code: str) -> str:
    """The file axis, "i", "j" or "k", along which the oriented array's first axis runs."""
    return "ijk"[_sources(grid, code)[2].axis]


def slice_index_in_file(oriented_slice: int, grid: Grid, code: str) -> int:
    """Index along the file's own slice axis of slice `oriented_slice` (first axis) of the oriented array."""
    source = _sources(grid, code)[2]
    return grid.size[source.axis] - 1 - oriented_slice if source.flipped else oriented_slice


def slice_index_in_orientation(file_slice: int, grid: Grid, code: str) -> int:
    """Inverse of `slice_index_in_file`."""
    return slice_index_in_file(file_slice, grid, code)  # a flip is its own inverse


def _nearest_patient_axes(grid: Grid) -> tuple[int, int, int]:
    """Patient axis (0 x, 1 y, 2 z) of the file axes i, j, k: the assignment that fits best over all three."""
    fit = np.abs(grid.directions)
    i, j, k = max(permutations(range(3)), key=lambda worlds: sum(fit[worlds, (0, 1, 2)]))
    return (i, j, k)


def _sources(grid: Grid, code: str) -> tuple[_Source, _Source, _Source]:
    """For each axis i, j, k of the oriented array the file axis it comes from."""
    if code == FILE:
        return (_Source(0, False), _Source(1, False), _Source(2, False))
    check_code(code)
    wanted = [_world_axis(letter, code) for letter in code]
    stored = axis_codes(grid)
    worlds = _nearest_patient_axes(grid)
    i, j, k = (
        _Source(worlds.index(world), stored[worlds.index(world)] != letter)
        for world, letter in zip(wanted, code, strict=True)
    )
    return (i, j, k)


def _world_axis(letter: str, code: str) -> int:
    for world, letters in enumerate(_LETTERS):
        if letter in letters:
            return world
    raise _unknown(code)


def _unknown(code: str) -> InputError:
    return InputError(
        f'"{code}" is no orientation: use "file" or three letters, one of R/L, one of A/P and one of S/I, '
        'such as "LAS".'
    )


def _reversed_range(extent: slice, size: int) -> slice:
    return slice(size - extent.stop, size - extent.start)
