"""What travels through the program: a CT, and masks with their names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segae.geometry.grid import Grid
from segae.labels.structure import Structure

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Volume:
    """A CT: Hounsfield units `voxels`[k, j, i] (int16 where the file allows it, else float32) on `grid`."""

    voxels: np.ndarray
    grid: Grid
    source: str = "memory"


@dataclass(frozen=True, eq=False)
class Segment:
    """One binary mask, kept as bits inside its bounding box.

    `name` is what the file calls it, `structure` what it was taken for (None: no partner in the table),
    `reason` says why. `box` is its extent on `grid` in the order k, j, i (all empty for an empty mask);
    `bits` are the voxels of the box, packed along the last axis.
    """

    name: str
    structure: Structure | None
    reason: str
    grid: Grid
    box: Box
    bits: np.ndarray
    source: str = "memory"

    @classmethod
    def from_mask(
        cls,
        name: str,
        structure: Structure | None,
        mask: np.ndarray,
        grid: Grid,
        reason: str = "given by the caller",
        source: str = "memory",
    ) -> Segment:
        """Crop and pack `mask` (nk, nj, ni; everything but 0 belongs to the segment)."""
        box = bounding_box(mask)
        bits = np.packbits(mask[box] != 0, axis=-1)
        return cls(name, structure, reason, grid, box, bits, source)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the box."""
        k, j, i = (s.stop - s.start for s in self.box)
        return (k, j, i)

    @property
    def is_empty(self) -> bool:
        return 0 in self.shape

    def voxels(self) -> np.ndarray:
        """Boolean array of the box, indexed k, j, i."""
        return np.unpackbits(self.bits, axis=-1, count=self.shape[2]).view(bool)

    def full_mask(self) -> np.ndarray:
        """Boolean array (nk, nj, ni) on the whole grid."""
        mask = np.zeros(self.grid.shape, bool)
        mask[self.box] = self.voxels()
        return mask


@dataclass(frozen=True)
class Segmentation:
    """All masks that belong to one CT. Segments may overlap; each carries its own grid."""

    segments: tuple[Segment, ...]
    source: str | Path = "memory"


def bounding_box(mask: np.ndarray) -> Box:
    """Smallest box (k, j, i) that holds every non-zero voxel; three empty slices when there is none."""
    box = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        hits = np.flatnonzero(mask.any(axis=others))
        box.append(slice(int(hits[0]), int(hits[-1]) + 1) if hits.size else slice(0, 0))
    return (box[0], box[1], box[2])
