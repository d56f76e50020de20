"""Find the boxes of masks and cut them out, so that nothing larger than a box is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segae.data import Box
from segae.errors import InputError

_MOST_LABELS = 1000  # more different values than any label map has: an image, not masks
_HIGHEST_LABEL = 65535


def whole_numbers(voxels: np.ndarray, path: Path) -> np.ndarray:
    """`voxels` (nk, nj, ni) as integers; raises `InputError` if a value is no whole number."""
    if voxels.dtype.kind in "iub":
        return voxels
    whole = np.empty(voxels.shape, np.int32)
    for k, plane in enumerate(voxels):
        limit = 2**31 - 1
        if not (np.isfinite(plane).all() and (np.abs(plane) < limit).all()):
            raise InputError(f'"{path}" holds values that are no labels; store masks as whole numbers.')
        whole[k] = plane
        if (whole[k] != plane).any():
            value = float(plane[whole[k] != plane][0])
            raise InputError(
                f'"{path}" holds {value:g} and is no mask; cut it off at a threshold and store 0 and 1, '
                "or whole numbers."
            )
    return whole


def box_of(voxels: np.ndarray) -> Box:
    """Smallest box (k, j, i) around every voxel but 0, found slice by slice; empty if there is none."""
    filled = [k for k, plane in enumerate(voxels) if plane.any()]
    if not filled:
        return (slice(0, 0), slice(0, 0), slice(0, 0))
    shadow = np.zeros(voxels.shape[1:], bool)
    for k in filled:
        shadow |= voxels[k] != 0
    return (
        slice(filled[0], filled[-1] + 1),
        _extent(np.any(shadow, axis=1)),
        _extent(np.any(shadow, axis=0)),
    )


def boxes_by_label(labels: np.ndarray, path: Path) -> dict[int, Box]:
    """Box (k, j, i) of each value but 0 of an integer array, in one pass over its slices.

    Raises `InputError` when the values cannot be labels: negative, beyond 65535, or more than a thousand.
    """
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest > _HIGHEST_LABEL:
        raise InputError(f'"{path}" holds values from {lowest} to {highest}, no labels; give a label map.')
    in_k = np.zeros((highest + 1, labels.shape[0]), bool)
    in_j = np.zeros((highest + 1, labels.shape[1]), bool)
    in_i = np.zeros((highest + 1, labels.shape[2]), bool)
    for k, plane in enumerate(labels):
        j, i = np.nonzero(plane)
        values = plane[j, i]
        in_k[values, k] = in_j[values, j] = in_i[values, i] = True
    present = np.flatnonzero(in_k.any(axis=1))
    if present.size > _MOST_LABELS:
        raise InputError(f'"{path}" holds {present.size} different values and is no label map; give masks.')
    return {int(v): (_extent(in_k[v]), _extent(in_j[v]), _extent(in_i[v])) for v in present}


def _extent(hits: np.ndarray) -> slice:
    where = np.flatnonzero(hits)
    return slice(int(where[0]), int(where[-1]) + 1)
