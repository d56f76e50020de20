"""Which masks of a case touch each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segae.data import Segment
from segae.labels.structure import Structure

REACH_MM = 3.0


@dataclass(frozen=True, eq=False)
class _Blocks:
    """A mask in blocks of about `REACH_MM`: `filled` (k, j, i), of which the first lies at `low` (3,)."""

    low: np.ndarray
    filled: np.ndarray

    @property
    def high(self) -> np.ndarray:
        return self.low + self.filled.shape

    def window(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """The blocks from `low` to `high`, which lie inside."""
        return self.filled[tuple(map(slice, low - self.low, high - self.low))]


def touching_structures(segments: Sequence[Segment]) -> Mapping[str, tuple[Structure, ...]]:
    """For each segment's name the structures of the others that overlap it or come within some millimetres of
    it, largest contact first. The segments lie on one grid; those without a structure are left out."""
    named = [s for s in segments if s.structure is not None and not s.is_empty]
    blocks = [_blocks(segment) for segment in named]
    grown = [_grown(block) for block in blocks]
    contacts = np.zeros((len(named), len(named)), int)
    for a in range(len(named)):
        for b in range(a):
            contacts[a, b] = contacts[b, a] = _common(grown[a], blocks[b])
    return {
        segment.name: tuple(
            structure
            for other in np.argsort(-row, kind="stable")
            if row[other] and (structure := named[other].structure) not in (None, segment.structure)
        )
        for segment, row in zip(named, contacts, strict=True)
    }


def _blocks(segment: Segment) -> _Blocks:
    voxels, low = segment.voxels(), []
    for axis, (extent, spacing) in enumerate(zip(segment.box, segment.grid.spacing[::-1], strict=True)):
        step = max(1, round(REACH_MM / spacing))
        edges = np.flatnonzero(np.arange(extent.start, extent.stop) % step == 0)
        voxels = np.logical_or.reduceat(voxels, np.union1d(edges, 0), axis=axis)
        low.append(extent.start // step)
    return _Blocks(np.array(low), voxels)


def _grown(blocks: _Blocks) -> _Blocks:
    """One block wider, along each axis."""
    filled = np.pad(blocks.filled, 1)
    grown = filled.copy()
    for axis in range(3):
        for shift in (-1, 1):  # the margin is empty, so that nothing comes in on the other side
            grown |= np.roll(filled, shift, axis)
    return _Blocks(blocks.low - 1, grown)


def _common(a: _Blocks, b: _Blocks) -> int:
    """Blocks that both fill."""
    low, high = np.maximum(a.low, b.low), np.minimum(a.high, b.high)
    if (low >= high).any():
        return 0
    return int(np.count_nonzero(a.window(low, high) & b.window(low, high)))
