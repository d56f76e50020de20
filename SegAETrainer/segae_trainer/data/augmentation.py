"""Other intensities, and random views of images that are a little larger than the crop."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import ndimage
from torch import Generator, Tensor
from torch.nn import functional

from segae.labels.table import LabelTable
from segae_trainer.data.synthetic_errors import smooth_field

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


def paint(ct: np.ndarray, labels: np.ndarray, table: LabelTable, rng: np.random.Generator) -> np.ndarray:
    """A slice (H, W) painted from `labels` and from coarse HU classes of the unlabelled rest, with
    texture at two scales and blur. int16."""
    values = np.zeros(256, np.float32)
    textures = np.zeros(256, np.float32)
    for structure in np.unique(labels[labels > 0]):
        low, high = tissue_range(table.by_index(int(structure)).name)
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


ROOM = 1.25  # side of such a picture / side of the network's window
ROTATION = math.radians(9)
SCALE, SHEAR, MOVE, ELASTIC = 0.13, 0.06, 0.05, 0.03
GAIN, OFFSET, NOISE = 0.1, 0.05, 0.045  # of the CT window's width


def random_grid(
    count: int, size: int, draw: Generator, rotation: float = ROTATION, scale: float = SCALE
) -> tuple[Tensor, Tensor]:
    """Where to read (B, size, size, 2), in the coordinates of `grid_sample`: -1..1 spans the whole pool
    picture; and the logarithm of how much larger than the network's window the view is (B,).
    Turned by up to `rotation` radians, scaled by up to exp(`scale`)."""
    angle, log_scale, shear = (_uniform((count,), limit, draw) for limit in (rotation, scale, SHEAR))
    zoom = log_scale.exp() / ROOM
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    move = _uniform((count, 2), MOVE, draw)
    rows = (torch.stack((cos, shear * zoom - sin, move[:, 0]), 1), torch.stack((sin, cos, move[:, 1]), 1))
    grid = functional.affine_grid(torch.stack(rows, dim=1), [count, 1, size, size], align_corners=False)
    bend = torch.randn(count, 2, 5, 5, generator=draw) * _uniform((count, 1, 1, 1), ELASTIC, draw)
    bend = functional.interpolate(bend, size=(size, size), mode="bicubic", align_corners=False)
    return grid + bend.permute(0, 2, 3, 1), log_scale


def random_intensities(ct: Tensor, draw: Generator) -> Tensor:
    """CT channels (B, C, S, S) in 0..1 with other gain and offset, blur and noise."""
    count, channels, size, _ = ct.shape
    one = (count, 1, 1, 1)
    ct = ct * (1 + _uniform(one, GAIN, draw)) + _uniform(one, OFFSET, draw)
    blurred = functional.interpolate(functional.avg_pool2d(ct, 3), size=(size, size), mode="bilinear")
    ct = torch.lerp(ct, blurred, (torch.rand(one, generator=draw) - 0.5).clamp(min=0) * 2)
    strength = torch.rand(one, generator=draw) * NOISE
    grain = torch.randn(count, channels, size, size, generator=draw)
    clumps = torch.randn(count, channels, size // 4, size // 4, generator=draw)
    clumps = functional.interpolate(clumps, size=(size, size), mode="bilinear")
    return (ct + strength * (0.7 * grain + clumps)).clamp(0, 1)


def _uniform(shape: tuple[int, ...], limit: float, draw: Generator) -> Tensor:
    """Evenly from -limit..limit."""
    return (torch.rand(shape, generator=draw) * 2 - 1) * limit
