"""Which pixels lie inside contours.

A pixel counts by its centre, which lies at whole numbers: it belongs to a contour that its centre lies in,
or on within a hundredth of a pixel. Contours that were drawn through the centres of the outermost pixels, and
such that run between pixels, both give back the pixels that they were drawn around.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_ON = 0.01  # pixels from a line at which a centre lies on it


@dataclass(frozen=True)
class Filled:
    """The pixels of a slice that contours enclose. `crossing`: how many contours lie partly in another one,
    so that it is not sure what was meant."""

    pixels: np.ndarray
    crossing: int = 0


def fill_all(contours: Sequence[np.ndarray], shape: tuple[int, int], *, xor: bool = False) -> Filled:
    """The pixels of an image of `shape` that closed contours (n, 2: row, column) of one structure enclose.

    A contour within what others enclose is a hole, one within a hole an island, and so on; a contour that
    leads into a hole through a narrow channel and back has the hole by itself. Of two contours that cross,
    the smaller one is a hole if it lies mostly in the other, else both belong to the structure; with `xor`
    what they have in common does not.
    """
    pixels, crossing = np.zeros(shape, bool), 0
    for contour in sorted(contours, key=_area, reverse=True):
        place, inside, edge = _fill(contour, shape)
        if not inside.size:
            continue
        own, within = pixels[place], inside & ~edge
        n_within, n_taken = int(within.sum()), int((within & own).sum())
        if 0 < n_taken < n_within:
            crossing += 1
            if xor:
                own ^= within
            elif 2 * n_taken > n_within:
                own &= ~within
            else:
                own |= inside | edge
        elif n_taken:
            own &= ~within
        else:
            own |= inside | edge
    return Filled(pixels, crossing)


def _area(contour: np.ndarray) -> float:
    """Area that a closed contour (n, 2) encloses, in square pixels."""
    row, column = (contour - contour.mean(axis=0)).T
    return 0.5 * abs(float(row @ np.roll(column, -1) - column @ np.roll(row, -1)))


def _fill(contour: np.ndarray, shape: tuple[int, int]) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """The part of an image that a contour reaches, and in it the pixels that it encloses, by the even-odd
    rule, and those on it."""
    first = np.clip(np.floor(contour.min(axis=0)), 0, shape).astype(int)
    last = np.clip(np.ceil(contour.max(axis=0)) + 1, first, shape).astype(int)
    place = slice(first[0], last[0]), slice(first[1], last[1])
    rows, columns = (last - first).tolist()
    if not rows or not columns:
        return place, np.zeros((0, 0), bool), np.zeros((0, 0), bool)
    start = contour - first
    ends = np.roll(start, -1, axis=0)
    return place, _enclosed(start, ends, rows, columns), _on(start, ends, rows, columns)


def _enclosed(start: np.ndarray, ends: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """A centre is enclosed when an odd number of lines cross its row before it."""
    low, high = np.minimum(start[:, 0], ends[:, 0]), np.maximum(start[:, 0], ends[:, 0])
    line, row = _whole_numbers(np.ceil(low), np.ceil(high), rows)
    crossed = np.zeros((rows, columns + 1), np.int32)
    column = _at(start[line], ends[line], row, 0)
    np.add.at(crossed, (row, np.clip(np.ceil(column), 0, columns).astype(int)), 1)
    return (np.cumsum(crossed[:, :-1], axis=1) & 1).astype(bool)


def _on(start: np.ndarray, ends: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The centres on the lines: each line is looked at where it crosses rows, or columns if it is flat."""
    on = np.zeros((rows, columns), bool)
    steep = np.abs(ends - start) @ np.array([1.0, -1.0]) >= 0
    for axis, those, size in ((0, steep, rows), (1, ~steep, columns)):
        one, other = start[those], ends[those]
        low, high = np.minimum(one[:, axis], other[:, axis]), np.maximum(one[:, axis], other[:, axis])
        line, along = _whole_numbers(np.ceil(low - _ON), np.floor(high + _ON) + 1, size)
        across = _at(one[line], other[line], along, axis)
        near = np.round(across)
        hit = (np.abs(across - near) <= _ON) & (near >= 0) & (near < (columns, rows)[axis])
        found = along[hit], near[hit].astype(int)
        on[found if axis == 0 else found[::-1]] = True
    return on


def _whole_numbers(first: np.ndarray, stop: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """For each line the whole numbers from `first` to `stop` (not included) that lie in 0..size: the line's
    place in the list, and the number."""
    first, stop = np.clip(first, 0, size).astype(int), np.clip(stop, 0, size).astype(int)
    count = np.maximum(stop - first, 0)
    line = np.repeat(np.arange(len(count)), count)
    before = np.cumsum(count) - count
    return line, np.arange(len(line)) - before[line] + first[line]


def _at(start: np.ndarray, ends: np.ndarray, along: np.ndarray, axis: int) -> np.ndarray:
    """The other coordinate of lines where their coordinate `axis` is `along`."""
    length = ends[:, axis] - start[:, axis]
    share = np.divide(along - start[:, axis], length, out=np.zeros(len(length)), where=length != 0)
    return start[:, 1 - axis] + np.clip(share, 0, 1) * (ends[:, 1 - axis] - start[:, 1 - axis])
