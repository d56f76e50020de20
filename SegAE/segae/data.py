"""What travels through the program: a CT, and masks with their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segae.finding import Finding
from segae.geometry.box import Box
from segae.geometry.compare import find_place
from segae.geometry.grid import Grid
from segae.geometry.orientation import axis_codes, orient_array, orient_box
from segae.geometry.resample import resample_mask
from segae.labels.structure import Structure


@dataclass(frozen=True)
class DicomIds:
    """What DICOM calls a scan: the UIDs of its frame of reference, of its series and of its images; "" or
    none where they are not known."""

    frame_of_reference: str = ""
    series: str = ""
    images: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class CTPlace:
    """What readers of masks have to know of the CT that the masks belong to."""

    grid: Grid
    ids: DicomIds = DicomIds()
    source: str = "memory"

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values, for another process."""
        grid, ids = self.grid, self.ids
        return {
            "grid": [list(grid.size), grid.affine.tolist()],
            "ids": [ids.frame_of_reference, ids.series, sorted(ids.images)],
            "source": self.source,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> CTPlace:
        """What `to_json` gave."""
        (size, affine), (frame, series, images) = values["grid"], values["ids"]
        grid = Grid(tuple(size), np.array(affine, float))
        return cls(grid, DicomIds(frame, series, frozenset(images)), values["source"])


@dataclass(frozen=True, eq=False)
class Volume:
    """A CT: Hounsfield units `voxels`[k, j, i] (int16 where the file allows it, else float32) on `grid`.

    `findings`: what was noticed while it was read. `ids`: what DICOM calls the scan.
    """

    voxels: np.ndarray
    grid: Grid
    source: str = "memory"
    findings: tuple[Finding, ...] = ()
    ids: DicomIds = DicomIds()

    @property
    def place(self) -> CTPlace:
        """The CT without its voxels."""
        return CTPlace(self.grid, self.ids, self.source)


@dataclass(frozen=True, eq=False)
class Segment:
    """One binary mask, kept as bits inside its bounding box.

    `name` is what the file calls it, `structure` what it was taken for (None: no partner in the table),
    `reason` says why, `confidence` (0..1) how sure that is. `box` is its extent (k, j, i) on `grid`; `bits`
    are the voxels of the box, packed along the last axis.
    """

    name: str
    structure: Structure | None
    reason: str
    grid: Grid
    box: Box
    bits: np.ndarray
    source: str = "memory"
    confidence: float = 1.0

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
        box = Box.of_mask(mask)
        return cls(name, structure, reason, grid, box, pack(mask[box.slices] != 0), source)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the box."""
        k, j, i = self.box.shape
        return (k, j, i)

    @property
    def is_empty(self) -> bool:
        return self.box.is_empty

    def voxels(self) -> np.ndarray:
        """Boolean array of the box, indexed k, j, i."""
        return np.unpackbits(self.bits, axis=-1, count=self.shape[2]).view(bool)

    def full_mask(self) -> np.ndarray:
        """Boolean array (nk, nj, ni) on the whole grid."""
        mask = np.zeros(self.grid.shape, bool)
        mask[self.box.slices] = self.voxels()
        return mask

    def placed_on(self, grid: Grid) -> Segment | None:
        """The same voxels on `grid`, in its axis order; None when they are not voxels of `grid`."""
        place = find_place(self.grid, grid)
        if place is None:
            return None
        code = axis_codes(grid)
        voxels = orient_array(self.voxels(), self.grid, code) if code != axis_codes(self.grid) else None
        box = orient_box(self.box, self.grid, code).shift(*place[::-1])
        return replace(self, grid=grid, box=box, bits=self.bits if voxels is None else pack(voxels))

    def on_grid(self, grid: Grid) -> Segment:
        """The segment on another grid, by nearest neighbour."""
        voxels, box = resample_mask(self.voxels(), self.box, self.grid, grid)
        return replace(self, grid=grid, box=box, bits=pack(voxels))


@dataclass(frozen=True)
class Segmentation:
    """All masks that belong to one CT. Segments may overlap; each carries its own grid.

    `findings`: what was noticed while they were read, files that were left out included.
    """

    segments: tuple[Segment, ...]
    source: str | Path = "memory"
    findings: tuple[Finding, ...] = ()


def pack(mask: np.ndarray) -> np.ndarray:
    """`mask` (nk, nj, ni; boolean) as the bits that a segment keeps."""
    return np.packbits(mask, axis=-1)


def unique_names(names: Sequence[str], ids: Sequence[str]) -> list[str]:
    """`names`, of which those that occur more than once get their id in brackets, because results are kept
    by name; an id that does not tell them apart gets a number."""
    count = Counter(names)
    told = [name if count[name] == 1 else f"{name} [{own}]" for name, own in zip(names, ids, strict=True)]
    seen: Counter[str] = Counter()
    for n, name in enumerate(told):
        seen[name] += 1
        if seen[name] > 1:
            told[n] = f"{name} ({seen[name]})"
    return told
