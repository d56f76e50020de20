"""Size, distance and overlap of masks."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    """2 |mask and truth| / (|mask| + |truth|) over the arrays given; 1 when both are empty."""
    total = int(mask.sum()) + int(truth.sum())
    return 2 * int((mask & truth).sum()) / total if total else 1.0


def equivalent_radius(mask: np.ndarray) -> float:
    """Radius in pixels of the disc with the mask's area."""
    return float(np.sqrt(mask.sum() / np.pi))


def inscribed_radius(mask: np.ndarray) -> float:
    """Largest distance in pixels from a pixel of the mask to the background."""
    return float(depth_inside(mask).max(initial=0.0))


def depth_inside(mask: np.ndarray) -> np.ndarray:
    """Distance of each pixel of the mask to the nearest background pixel; the image's border counts as
    background."""
    return np.asarray(ndimage.distance_transform_edt(np.pad(mask, 1)))[1:-1, 1:-1]


def distance_outside(mask: np.ndarray) -> np.ndarray:
    """Distance of each pixel to the nearest pixel of the mask, which must not be empty."""
    return np.asarray(ndimage.distance_transform_edt(~mask))


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Positive inside, negative outside, and no zero: the boundary runs between +0.5 and -0.5."""
    return np.where(mask, depth_inside(mask) - 0.5, 0.5 - distance_outside(mask))
