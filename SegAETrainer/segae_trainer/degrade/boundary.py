"""The mask's outline wanders."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from segae_trainer.degrade.measures import signed_distance


def elastic_boundary(
    mask: np.ndarray, amplitude: float, correlation: float, rng: np.random.Generator
) -> np.ndarray:
    """The outline pushed in and out by a smooth random field of standard deviation `amplitude` pixels
    whose bumps are about `correlation` pixels wide."""
    return signed_distance(mask) + amplitude * smooth_field(mask.shape, correlation, rng) > 0


def smooth_field(shape: tuple[int, ...], correlation: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of zero mean and unit variance, smooth over `correlation` pixels."""
    step = max(1, int(correlation / 2))  # smooth noise needs no more support points than this
    coarse = tuple(int(np.ceil(n / step)) + 2 for n in shape)
    noise = ndimage.gaussian_filter(rng.standard_normal(coarse, dtype=np.float32), correlation / step / 2)
    noise = (noise - noise.mean()) / max(float(noise.std()), 1e-6)
    if step > 1:
        noise = np.asarray(ndimage.zoom(noise, step, order=1))
    return noise[tuple(slice(0, n) for n in shape)]
