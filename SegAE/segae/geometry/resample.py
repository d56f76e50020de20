"""Bring a mask onto another grid by nearest neighbour."""

from __future__ import annotations

from itertools import product

import numpy as np

from segae.geometry.box import Box
from segae.geometry.grid import Grid


def resample_mask(voxels: np.ndarray, box: Box, grid: Grid, target: Grid) -> tuple[np.ndarray, Box]:
    """The mask on `target`: what fills its box there, cut down to what is set, and that box.

    `voxels` (k, j, i; boolean) fill `box` on `grid`. Each voxel takes the value of the nearest voxel of the
    mask's own grid; points outside of that grid do not belong to it. Only the slices that the mask can reach
    are visited, one by one, so that memory stays at the size of its box.
    """
    reach = _reach(box, grid, target)
    to_source = np.linalg.inv(grid.affine) @ target.affine
    k, j, i = (np.arange(s.start, s.stop, dtype=float) for s in reach)
    first = np.array(box.start[::-1], float)
    # Index in the mask's box = plane (j, i) + k * step; +0.5 so that the floor is the nearest voxel.
    offset = to_source[:3, 3] - first + 0.5
    plane = to_source[:3, 0] * i[None, :, None] + to_source[:3, 1] * j[:, None, None] + offset
    result = np.zeros((k.size, j.size, i.size), bool)
    for n, slice_index in enumerate(k):
        result[n] = _look_up(voxels, np.floor(plane + slice_index * to_source[:3, 2]).astype(np.int64))
    inner = Box.of_mask(result)
    return result[inner.slices], inner.shift(*reach.start)


def _reach(box: Box, grid: Grid, target: Grid) -> Box:
    """The box of `target` that encloses `box` of `grid`, outer faces of its voxels included."""
    if box.is_empty:
        return Box.empty()
    corners = np.array(list(product(*((s.start - 0.5, s.stop - 0.5) for s in reversed(box.slices)))))
    index = (grid.world(corners) - target.affine[:3, 3]) @ np.linalg.inv(target.affine[:3, :3]).T
    start = np.clip(np.ceil(index.min(axis=0) - 1e-6), 0, target.size).astype(int)
    stop = np.clip(np.floor(index.max(axis=0) + 1e-6) + 1, start, target.size).astype(int)
    return Box.of_ends(start[::-1], stop[::-1])


def _look_up(source: np.ndarray, ijk: np.ndarray) -> np.ndarray:
    """Values of `source`[k, j, i] at the indices (..., 3) in the order i, j, k; False outside of it."""
    i, j, k = np.moveaxis(ijk, -1, 0)
    nk, nj, ni = source.shape
    inside = (i >= 0) & (i < ni) & (j >= 0) & (j < nj) & (k >= 0) & (k < nk)
    values = np.zeros(inside.shape, bool)
    values[inside] = source[k[inside], j[inside], i[inside]]
    return values
