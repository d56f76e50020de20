"""The mask is too small, too large, too smooth, or drawn on a coarser grid."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from segae_trainer.degrade.measures import depth_inside, distance_outside


def erode(mask: np.ndarray, depth: float) -> np.ndarray:
    """Without the pixels whose distance to the background is at most `depth`."""
    return depth_inside(mask) > depth


def dilate(mask: np.ndarray, reach: float) -> np.ndarray:
    """With all pixels at a distance of at most `reach`."""
    return mask | (distance_outside(mask) <= reach)


def oversmooth(mask: np.ndarray, sigma: float, level: float = 0.5) -> np.ndarray:
    """Blurred with a Gaussian of `sigma` and cut again at `level`: corners and thin parts go."""
    return np.asarray(ndimage.gaussian_filter(mask.astype(np.float32), sigma)) > level


def coarsen(mask: np.ndarray, factor: int, first: tuple[int, int] = (0, 0)) -> np.ndarray:
    """As if drawn on pixels `factor` times as large: every block takes the value of one of its pixels,
    `first`."""
    rows, columns = (np.arange(n) // factor * factor + at for n, at in zip(mask.shape, first, strict=True))
    return mask[np.ix_(np.minimum(rows, mask.shape[0] - 1), np.minimum(columns, mask.shape[1] - 1))]
