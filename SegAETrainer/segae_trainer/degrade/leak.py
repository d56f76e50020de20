"""The mask runs over into what is not the organ."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from segae_trainer.degrade.measures import distance_outside


def leak_into_similar(mask: np.ndarray, ct: np.ndarray, reach: int, tolerance: float) -> np.ndarray:
    """Grown by up to `reach` pixels into connected tissue within `tolerance` HU of the mask's median."""
    similar = np.abs(ct.astype(np.float32) - np.median(ct[mask])) <= tolerance
    return np.asarray(ndimage.binary_dilation(mask, iterations=max(reach, 1), mask=similar | mask))


def leak_into_neighbour(mask: np.ndarray, neighbour: np.ndarray, reach: float) -> np.ndarray:
    """With that part of `neighbour` that lies within `reach` pixels."""
    return mask | (neighbour & (distance_outside(mask) <= reach))
