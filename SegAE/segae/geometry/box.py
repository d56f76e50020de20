"""Where in an array something lies: half-open extents, one for each axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import overload

import numpy as np

_SLAB = 8  # slices that are looked at together; bounds the memory for the runs


@dataclass(frozen=True)
class Box:
    """A part of an array: `slices`, half-open, in the order of its axes (k, j, i; or row, column of a slice).

    A box without a voxel is that of `Box.empty`, wherever it came from.
    """

    slices: tuple[slice, ...]

    @classmethod
    def empty(cls, n_axes: int = 3) -> Box:
        """The box of nothing."""
        return cls((slice(0, 0),) * n_axes)

    @classmethod
    def of_mask(cls, mask: np.ndarray) -> Box:
        """Smallest box that holds every voxel but 0 of an array with any number of axes."""
        extents: list[slice] = []
        for axis in range(mask.ndim):
            others = tuple(other for other in range(mask.ndim) if other != axis)
            hits = np.flatnonzero(mask.any(axis=others))
            if not hits.size:
                return cls.empty(mask.ndim)
            extents.append(slice(int(hits[0]), int(hits[-1]) + 1))
            mask = mask[(slice(None),) * axis + (extents[-1],)]  # what lies outside need not be seen again
        return cls(tuple(extents))

    @classmethod
    def of_ends(cls, start: Iterable[int], stop: Iterable[int]) -> Box:
        """The box from `start` to `stop` (not included), along each axis."""
        extents = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
        return cls(extents) if all(s.start < s.stop for s in extents) else cls.empty(len(extents))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the part of the array."""
        return tuple(extent.stop - extent.start for extent in self.slices)

    @property
    def start(self) -> tuple[int, ...]:
        """The first index along each axis."""
        return tuple(extent.start for extent in self.slices)

    @property
    def stop(self) -> tuple[int, ...]:
        """The index behind the last one along each axis."""
        return tuple(extent.stop for extent in self.slices)

    @property
    def is_empty(self) -> bool:
        """Whether it holds no voxel."""
        return 0 in self.shape

    def shift(self, *by: int) -> Box:
        """The box moved by so many voxels along each axis."""
        if self.is_empty:
            return self
        return Box(tuple(slice(s.start + n, s.stop + n) for s, n in zip(self.slices, by, strict=True)))

    def relative_to(self, outer: Box) -> Box:
        """The same box in an array that holds what fills `outer`."""
        return self.shift(*(-n for n in outer.start))

    def intersect(self, other: Box) -> Box:
        """What two boxes have in common."""
        return Box.of_ends(map(max, self.start, other.start), map(min, self.stop, other.stop))

    def union(self, other: Box) -> Box:
        """The smallest box that holds both; an empty one counts for nothing."""
        if self.is_empty or other.is_empty:
            return other if self.is_empty else self
        return Box.of_ends(map(min, self.start, other.start), map(max, self.stop, other.stop))

    def widened(self, by: int, shape: Sequence[int]) -> Box:
        """The box with `by` voxels more at each end, as far as an array of `shape` reaches."""
        if self.is_empty:
            return self
        start, stop = [n - by for n in self.start], [n + by for n in self.stop]
        return Box.of_ends(start, stop).intersect(Box.of_ends([0] * len(shape), shape))

    def __iter__(self) -> Iterator[slice]:
        return iter(self.slices)

    @overload
    def __getitem__(self, axis: int) -> slice: ...

    @overload
    def __getitem__(self, axis: slice) -> tuple[slice, ...]: ...

    def __getitem__(self, axis: int | slice) -> slice | tuple[slice, ...]:
        return self.slices[axis]


def enclosing_box(boxes: Iterable[Box]) -> Box:
    """Smallest box (k, j, i) round all boxes that are not empty."""
    return reduce(Box.union, boxes, Box.empty())


def boxes_of_labels(labels: np.ndarray, values: Iterable[int] | None = None) -> dict[int, Box]:
    """Smallest box (k, j, i) of each value but 0 that occurs in `labels` (nk, nj, ni; integers).

    `values`: only of these. One pass: organs are compact, so an image has far fewer runs of equal voxels
    along i than voxels, and the cost is one comparison of neighbours and a few lookups per run.
    """
    wanted = None if values is None else np.array(sorted(set(values)), np.int64)
    boxes: dict[int, Box] = {}
    for start in range(0, labels.shape[0], _SLAB):
        label, first, last = _runs(labels[start : start + _SLAB], start)
        if wanted is not None:
            chosen = np.isin(label, wanted)
            label, first, last = label[chosen], first[chosen], last[chosen]
        order = np.argsort(label, kind="stable")
        present, begins = np.unique(label[order], return_index=True)
        if not present.size:
            continue
        lowest = np.minimum.reduceat(first[order], begins)
        highest = np.maximum.reduceat(last[order], begins)
        for value, low, high in zip(present.tolist(), lowest, highest, strict=True):
            boxes[value] = boxes.get(value, Box.empty()).union(Box.of_ends(low, high + 1))
    return {value: boxes[value] for value in sorted(boxes)}


def _runs(labels: np.ndarray, k_start: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label, first voxel (n, 3) and last voxel (n, 3) of every run of one non-zero label along i."""
    nk, nj, ni = labels.shape
    begins = np.empty(labels.shape, bool)
    begins[..., :1] = True
    np.not_equal(labels[..., 1:], labels[..., :-1], out=begins[..., 1:])
    begin = np.flatnonzero(begins)
    end = np.append(begin[1:], nk * nj * ni) - 1
    label = labels.reshape(-1)[begin] if labels.flags.c_contiguous else labels.ravel()[begin]
    used = label != 0
    begin, end, label = begin[used], end[used], label[used]
    row, first = np.divmod(begin, max(ni, 1))
    k, j = np.divmod(row, max(nj, 1))
    voxels = np.stack((k + k_start, j, first), axis=-1)
    return label.astype(np.int64), voxels, np.stack((k + k_start, j, end - row * ni), axis=-1)
