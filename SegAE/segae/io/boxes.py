"""Values of a file as labels, with their boxes, so that nothing larger than a box is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segae.errors import InputError
from segae.geometry.box import Box, boxes_of_labels

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


def boxes_by_label(labels: np.ndarray, path: Path) -> dict[int, Box]:
    """Box (k, j, i) of each value but 0 of an integer array.

    Raises `InputError` when the values cannot be labels: negative, beyond 65535, or more than a thousand.
    """
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest > _HIGHEST_LABEL:
        raise InputError(f'"{path}" holds values from {lowest} to {highest}, no labels; give a label map.')
    boxes = boxes_of_labels(labels)
    if len(boxes) > _MOST_LABELS:
        raise InputError(f'"{path}" holds {len(boxes)} different values and is no label map; give masks.')
    return boxes
