"""Bounding boxes of all labels of an array in one pass over its runs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from segae.data import Box

SLAB = 8  # slices that are looked at together; bounds the memory for the runs


def label_boxes(labels: np.ndarray, wanted: Iterable[int]) -> dict[int, Box]:
    """Smallest box (k, j, i) of each wanted label that occurs in `labels` (nk, nj, ni; integers).

    Organs are compact, so an image has far fewer runs of equal voxels along i than voxels: the cost is one
    comparison of neighbours, and a few lookups per run.
    """
    values = np.array(sorted(set(wanted)), np.int64)
    low = np.full((3, len(values)), np.iinfo(np.int64).max)
    high = np.full((3, len(values)), -1)
    for start in range(0, labels.shape[0] if values.size else 0, SLAB):
        label, k, j, first, last = _runs(labels[start : start + SLAB])
        row = np.minimum(np.searchsorted(values, label), len(values) - 1)
        hit = values[row] == label
        row = row[hit]
        for axis, (lowest, highest) in enumerate(((k + start, k + start), (j, j), (first, last))):
            np.minimum.at(low[axis], row, lowest[hit])
            np.maximum.at(high[axis], row, highest[hit])
    return {
        int(value): (slice(int(k0), int(k1) + 1), slice(int(j0), int(j1) + 1), slice(int(i0), int(i1) + 1))
        for value, (k0, j0, i0), (k1, j1, i1) in zip(values, low.T, high.T, strict=True)
        if k1 >= 0
    }


def _runs(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Label, k, j, first i and last i of every run of one non-zero label along i."""
    nk, nj, ni = labels.shape
    begins = np.empty(labels.shape, bool)
    begins[..., 0] = True
    np.not_equal(labels[..., 1:], labels[..., :-1], out=begins[..., 1:])
    begin = np.flatnonzero(begins)
    end = np.append(begin[1:], nk * nj * ni) - 1
    row, first = np.divmod(begin, ni)
    k, j = np.divmod(row, nj)
    label = labels[k, j, first]
    used = label != 0
    return label[used].astype(np.int64), k[used], j[used], first[used], end[used] - row[used] * ni
