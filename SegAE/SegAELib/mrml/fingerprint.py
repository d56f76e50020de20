"""What a segment looked like when it was scored, slice by slice, small enough to be kept with the scores."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from segae.data import Segment, bounding_box


@dataclass(frozen=True)
class Fingerprint:
    """A digest of the mask in each slice that has voxels; slices count along `axis` (0, 1, 2 = k, j, i)."""

    axis: int
    digests: Mapping[int, str]


@dataclass(frozen=True)
class SliceChanges:
    """Slices that differ from what was scored: `rescore` have a new mask, `removed` have none any more."""

    rescore: tuple[int, ...]
    removed: tuple[int, ...]

    def __bool__(self) -> bool:
        return bool(self.rescore or self.removed)


def fingerprint(segment: Segment, axis: int) -> Fingerprint:
    """Digests of the slices of `segment` along array axis `axis` (0, 1, 2 = k, j, i) of its grid.

    A digest depends on the voxels of its slice and their place in the grid only, not on the rest of the
    segment.
    """
    planes = np.moveaxis(segment.voxels(), axis, 0)
    start = segment.box[axis].start
    rows, columns = (segment.box[a].start for a in range(3) if a != axis)
    digests = ((start + n, _digest(plane, rows, columns)) for n, plane in enumerate(planes))
    return Fingerprint(axis, {index: digest for index, digest in digests if digest})


def changed_slices(old: Fingerprint, segment: Segment) -> SliceChanges:
    """What has to be scored again, and what has to go, since `old` was taken of the same segment."""
    new = fingerprint(segment, old.axis).digests
    rescore = (index for index, digest in new.items() if old.digests.get(index) != digest)
    return SliceChanges(tuple(sorted(rescore)), tuple(sorted(old.digests.keys() - new.keys())))


def _digest(plane: np.ndarray, rows: int, columns: int) -> str:
    """Hash of the set voxels of a plane that begins at (`rows`, `columns`); "" when none is set."""
    _, j, i = bounding_box(plane[np.newaxis])
    if j.start == j.stop:
        return ""
    place = np.array([rows + j.start, columns + i.start, j.stop - j.start, i.stop - i.start], "<i4")
    return hashlib.blake2b(place.tobytes() + np.packbits(plane[j, i]).tobytes(), digest_size=8).hexdigest()
