"""A mask measured once, for all rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segae.data import Segment
from segae.geometry.orientation import axial_axis
from segae.labels.structure import Structure

BLOCK_MM = 3.0  # finer detail is no concern of the rules
MOST_VOXELS = 200_000  # boxes up to this size are kept as they are
_TOP = 0.95  # share of a mask below its top: loose voxels do not count


@dataclass(frozen=True, eq=False)
class Shape:
    """A mask with voxels and a structure.

    `coarse` (k, j, i): blocks of `raster` voxels that it reaches, on a raster that all masks of a grid share;
    the first block lies at `low`. `counts`: voxels in each block of `step` voxels, one voxel in small masks.
    `centre`: RAS mm of the mean voxel; `top`: z in mm below which nearly all of it lies. `is_cut`: it touches
    the first or the last axial slice.
    """

    segment: Segment
    structure: Structure
    coarse: np.ndarray
    raster: np.ndarray
    low: np.ndarray
    counts: np.ndarray
    step: np.ndarray
    centre: np.ndarray
    top: float
    is_cut: bool

    @property
    def name(self) -> str:
        return self.segment.name

    @property
    def voxel_ml(self) -> float:
        return float(np.prod(self.segment.grid.spacing)) / 1000

    @property
    def volume_ml(self) -> float:
        return float(self.counts.sum()) * self.voxel_ml


def measure_shape(segment: Segment, structure: Structure) -> Shape:
    """Look at every voxel of a mask that is not empty; its box is the only thing that is unpacked."""
    grid, box = segment.grid, segment.box
    start = np.array(box.start)
    raster = np.maximum(1, np.round(BLOCK_MM / grid.spacing[::-1])).astype(int)
    voxels = segment.voxels().view(np.uint8)
    blocks = voxels
    for axis in range(3):
        blocks = _summed(blocks, axis, int(raster[axis]), int(start[axis] % raster[axis]))
    step, counts = (np.ones(3, int), voxels) if voxels.size <= MOST_VOXELS else (raster, blocks)
    sums = [counts.sum(axis=tuple(a for a in range(3) if a != axis), dtype=float) for axis in range(3)]
    places = [(start[n] // step[n] + np.arange(len(s)) + 0.5) * step[n] - 0.5 for n, s in enumerate(sums)]
    mean = np.array([np.average(place, weights=weight) for place, weight in zip(places, sums, strict=True)])
    axial = axial_axis(grid)
    at_top = mean.copy()
    at_top[axial] = _top(places[axial], sums[axial], bool(grid.directions[2, 2 - axial] > 0))
    cut = box[axial].start == 0 or box[axial].stop == grid.shape[axial]
    return Shape(
        segment,
        structure,
        blocks > 0,
        raster,
        start // raster,
        counts,
        step,
        grid.world(mean[::-1]),
        float(grid.world(at_top[::-1])[2]),
        cut and grid.shape[axial] > 1,
    )


def _summed(counts: np.ndarray, axis: int, step: int, offset: int) -> np.ndarray:
    """Sums over `step` neighbours along an axis; the first block is short by `offset`."""
    if step == 1:
        return counts
    n = -(-(offset + counts.shape[axis]) // step)
    shape = list(counts.shape)
    shape[axis] = n
    summed = np.zeros(shape, np.uint16)
    source, target = np.moveaxis(counts, axis, 0), np.moveaxis(summed, axis, 0)
    for one in range(step):
        first = (one - offset) % step  # voxels that lie at place `one` of their block
        part = source[first::step]
        begin = (first + offset) // step
        target[begin : begin + len(part)] += part
    return summed


def _top(places: np.ndarray, counts: np.ndarray, upwards: bool) -> float:
    order = slice(None) if upwards else slice(None, None, -1)
    share = np.cumsum(counts[order]) / counts.sum()
    return float(places[order][np.searchsorted(share, _TOP)])
