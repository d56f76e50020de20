"""Bring a segment onto another grid by nearest neighbour."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from segae.data import Box, Segment
from segae.geometry.grid import Grid

NOTHING: Box = (slice(0, 0), slice(0, 0), slice(0, 0))


def resample_segment(segment: Segment, grid: Grid) -> Segment:
    """`segment` on `grid`: each voxel takes the value of the nearest voxel of the segment's own grid.

    Only the slices that the segment can reach are visited, one by one, so that memory stays at the size of
    its box. Points outside the segment's own grid do not belong to it.
    """
    box = _reach(segment, grid)
    if any(s.stop == s.start for s in box):
        return replace(segment, grid=grid, box=NOTHING, bits=np.zeros((0, 0, 0), np.uint8))
    source = segment.voxels()
    to_source = np.linalg.inv(segment.grid.affine) @ grid.affine
    k, j, i = (np.arange(s.start, s.stop, dtype=float) for s in box)
    first = np.array([s.start for s in reversed(segment.box)], float)
    # Index in the segment's box = plane (j, i) + k * step; +0.5 so that the floor is the nearest voxel.
    offset = to_source[:3, 3] - first + 0.5
    plane = to_source[:3, 0] * i[None, :, None] + to_source[:3, 1] * j[:, None, None] + offset
    result = np.zeros((k.size, j.size, i.size), bool)
    for n, slice_index in enumerate(k):
        result[n] = _look_up(source, np.floor(plane + slice_index * to_source[:3, 2]).astype(np.int64))
    return _crop(segment, grid, box, result)


def _reach(segment: Segment, grid: Grid) -> Box:
    """The box of `grid` that encloses the segment's box, outer faces of its voxels included."""
    if segment.is_empty:
        return NOTHING
    corners = np.array(list(product(*((s.start - 0.5, s.stop - 0.5) for s in reversed(segment.box)))))
    index = (segment.grid.world(corners) - grid.affine[:3, 3]) @ np.linalg.inv(grid.affine[:3, :3]).T
    start = np.clip(np.ceil(index.min(axis=0) - 1e-6), 0, grid.size).astype(int)
    stop = np.clip(np.floor(index.max(axis=0) + 1e-6) + 1, start, grid.size).astype(int)
    k, j, i = (slice(int(a), int(b)) for a, b in zip(start[::-1], stop[::-1], strict=True))
    return (k, j, i)


def _look_up(source: np.ndarray, ijk: np.ndarray) -> np.ndarray:
    """Values of `source`[k, j, i] at the indices (..., 3) in the order i, j, k; False outside of it."""
    i, j, k = np.moveaxis(ijk, -1, 0)
    nk, nj, ni = source.shape
    inside = (i >= 0) & (i < ni) & (j >= 0) & (j < nj) & (k >= 0) & (k < nk)
    values = np.zeros(inside.shape, bool)
    values[inside] = source[k[inside], j[inside], i[inside]]
    return values


def _crop(segment: Segment, grid: Grid, box: Box, voxels: np.ndarray) -> Segment:
    """Segment on `grid` from the voxels of `box`, cut down to what is set."""
    inner = Segment.from_mask(segment.name, segment.structure, voxels, grid)
    if inner.is_empty:
        return replace(segment, grid=grid, box=NOTHING, bits=inner.bits)
    k, j, i = (slice(o.start + s.start, o.start + s.stop) for o, s in zip(box, inner.box, strict=True))
    return replace(segment, grid=grid, box=(k, j, i), bits=inner.bits)
