"""Features of the mask alone: no grey value is looked at."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from segae_trainer.degrade.measures import equivalent_radius, inscribed_radius
from segae_trainer.evaluation.mask_slice import MaskSlice

NAMES = (
    "area", "components", "largest component", "holes", "hole area", "compactness", "roughness", "width",
    "aspect", "filling", "row", "column", "slice", "mean row", "mean column",
)  # fmt: skip
_RIM = 3  # pixels kept round the mask, so that outline and holes are whole


def mask_features(slice_: MaskSlice) -> np.ndarray:
    """The values (15,) of `NAMES` for a mask that is not empty; mm where a length is meant.

    Compactness is 4 pi area / outline^2, about 1 for a disc; roughness the share of pixels that an opening by
    a 3 x 3 cross removes; width the largest inscribed radius against that of the disc of equal area; filling
    the share of its box that the mask fills. Places are shares of the image, and of the stack of slices.
    """
    mask, (top, left) = _cut(slice_.mask)
    pixel = slice_.pixel_mm[0] * slice_.pixel_mm[1]
    n = int(mask.sum())
    labels, components = _components(mask)
    largest = int(np.bincount(labels.ravel())[1:].max())
    filled = np.asarray(ndimage.binary_fill_holes(mask), bool)
    _, n_holes = _components(filled & ~mask)
    rows, columns = np.nonzero(mask)
    height, width = (int(np.ptp(places)) + 1 for places in (rows, columns))
    whole_rows, whole_columns = slice_.mask.shape
    row, column = (top + rows.mean()) / whole_rows, (left + columns.mean()) / whole_columns
    opened = int(np.asarray(ndimage.binary_opening(mask)).sum())
    return np.array(
        [
            np.log(n * pixel),
            components,
            largest / n,
            n_holes,
            (int(filled.sum()) - n) / n,
            4 * np.pi * n / _outline(mask) ** 2,
            1 - opened / n,
            inscribed_radius(mask) / equivalent_radius(mask),
            height / width,
            n / (height * width),
            row,
            column,
            slice_.slice / max(slice_.n_slices - 1, 1),
            abs(row - 0.5),
            abs(column - 0.5),
        ]
    )


def _cut(mask: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """The part of the mask's box with a rim of background on each side, and where it begins."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(part, _RIM), (int(rows[0]) - _RIM, int(columns[0]) - _RIM)


def _components(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Numbered pieces that touch along edges, and how many there are."""
    labels = np.zeros(mask.shape, np.int32)
    return labels, int(ndimage.label(mask, output=labels))  # type: ignore[call-overload]


def _outline(mask: np.ndarray) -> float:
    """Length of the border in pixels: edges between inside and outside, corners cut (times pi / 4), which is
    right on average over all directions of a straight border."""
    edges = sum(int(np.abs(np.diff(mask.astype(np.int8), axis=axis)).sum()) for axis in (0, 1))
    return np.pi / 4 * edges
