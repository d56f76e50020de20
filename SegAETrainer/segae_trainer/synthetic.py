"""CT slices with other intensities: real ones whose organs are shifted, and ones painted from the label
map alone.

Contrast phase, kernel and noise differ between scanners far more than anatomy does between two patients;
a network that learns from few patients must not take their grey values for the organs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from segae.labels.structure import Structure
from segae_trainer.degrade.boundary import smooth_field

# Ranges in HU of an organ's mean, by a word of its name; the first that fits counts.
_TISSUES: tuple[tuple[tuple[str, ...], tuple[float, float]], ...] = (
    (
        ("vertebra", "costa", "hip", "sacrum", "femur", "sternum", "clavicle", "scapula", "humerus", "skull"),
        (120, 700),
    ),
    (("cartilage",), (60, 250)),
    (("lung",), (-920, -700)),
    (("trachea", "bronch"), (-1000, -920)),
    (("colon", "bowel", "stomach", "duodenum", "rectum", "esophagus"), (-120, 160)),
    (("artery", "aorta", "vein", "vena", "heart", "atrium", "ventricle", "kidney", "trunk"), (0, 320)),
    (("fat",), (-120, -70)),
    (("canal", "cord", "bladder", "gallbladder"), (-10, 60)),
)
_SOFT_TISSUE = (10.0, 180.0)
# Classes of unlabelled body by HU: upper limit, range painted.
_REMAINDER = (
    (-600.0, (-1000.0, -850.0)),
    (-30.0, (-130.0, -60.0)),
    (130.0, (-10.0, 140.0)),
    (np.inf, (140.0, 600.0)),
)


def recolour(ct: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The real slice (H, W) with gain, offset and a shift of -60..150 HU for some of its organs. int16."""
    shifts = np.zeros(256, np.float32)
    present = np.unique(labels[labels > 0])
    shifts[present] = rng.uniform(-60, 150, len(present)) * (rng.random(len(present)) < 0.35)
    soft = (ct > -200) & (ct < 300)
    changed = ct.astype(np.float32) + ndimage.gaussian_filter(np.where(soft, shifts[labels], 0), 1.0)
    changed = changed * rng.uniform(0.9, 1.1) + rng.uniform(-20, 20)
    return _as_hu(changed)


def paint(
    ct: np.ndarray, labels: np.ndarray, table: Sequence[Structure], rng: np.random.Generator
) -> np.ndarray:
    """A slice (H, W) painted from `labels` and from coarse HU classes of the unlabelled rest, with
    texture at two scales and blur. int16."""
    values = np.zeros(256, np.float32)
    textures = np.zeros(256, np.float32)
    for structure in np.unique(labels[labels > 0]):
        low, high = tissue_range(table[structure].name)
        values[structure] = rng.uniform(low, high)
        textures[structure] = rng.uniform(0.05, 0.3) * min(abs(high - low), 300)
    painted, texture = values[labels], textures[labels]
    rest, low = labels == 0, -np.inf
    for high, (darkest, brightest) in _REMAINDER:
        place = rest & (ct >= low) & (ct < high)
        painted[place], texture[place], low = rng.uniform(darkest, brightest), rng.uniform(5, 30), high
    coarse = smooth_field(ct.shape, rng.uniform(8, 40), rng)
    fine = smooth_field(ct.shape, rng.uniform(1.0, 4.0), rng)
    painted = painted + texture * (0.7 * coarse + 0.4 * fine)
    return _as_hu(
        ndimage.gaussian_filter(painted, rng.uniform(0.4, 1.6)) + rng.normal(0, rng.uniform(2, 12), ct.shape)
    )


def tissue_range(name: str) -> tuple[float, float]:
    """Plausible means in HU of the structure called `name`, over contrast phases."""
    for words, extent in _TISSUES:
        if any(word in name for word in words):
            return extent
    return _SOFT_TISSUE


def _as_hu(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), -1024, 3071).astype(np.int16)
