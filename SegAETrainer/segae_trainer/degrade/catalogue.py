"""The degradations by name, each with the range from which its strength is drawn.

r is the radius of the disc with the organ's area. The ranges follow the errors of real networks: from
barely visible to what leaves little of the organ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from segae_trainer.degrade.boundary import elastic_boundary
from segae_trainer.degrade.leak import leak_into_neighbour, leak_into_similar
from segae_trainer.degrade.measures import distance_outside, equivalent_radius, inscribed_radius
from segae_trainer.degrade.pieces import cut, holes, islands
from segae_trainer.degrade.place import beside, shift
from segae_trainer.degrade.size import coarsen, dilate, erode, oversmooth


@dataclass(frozen=True, eq=False)
class OrganSlice:
    """One organ in one slice: `ct` (H, W) in HU, `labels` (H, W) and the organ's `mask`, which is not
    empty."""

    ct: np.ndarray
    labels: np.ndarray
    mask: np.ndarray

    @property
    def radius(self) -> float:
        return equivalent_radius(self.mask)

    def with_mask(self, mask: np.ndarray) -> OrganSlice:
        return OrganSlice(self.ct, self.labels, mask)


Degradation = Callable[[OrganSlice, np.random.Generator], np.ndarray]


def draw_erosion(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    return erode(organ.mask, max(1.0, rng.uniform(0.03, 0.85) * inscribed_radius(organ.mask)))


def draw_dilation(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    return dilate(organ.mask, max(1.0, rng.uniform(0.05, 1.0) * organ.radius))


def draw_boundary(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    amplitude, correlation = rng.uniform(0.05, 0.9) * organ.radius, rng.uniform(0.3, 1.6) * organ.radius
    return elastic_boundary(organ.mask, amplitude, correlation, rng)


def draw_fine_noise(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    """What a good mask differs by: fine noise of .01 to .08 r, at least a third of a pixel."""
    amplitude = max(0.35, rng.uniform(0.01, 0.08) * organ.radius)
    return elastic_boundary(organ.mask, amplitude, max(1.5, rng.uniform(0.1, 0.6) * organ.radius), rng)


def draw_shift(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    distance, angle = max(1.0, rng.uniform(0.05, 2.2) * organ.radius), rng.uniform(0, 2 * np.pi)
    return shift(organ.mask, round(distance * np.sin(angle)), round(distance * np.cos(angle)))


def draw_cut(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    return cut(organ.mask, rng.uniform(0.05, 0.9), rng.uniform(0, 2 * np.pi))


def draw_holes(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    return holes(organ.mask, int(rng.integers(1, 5)), max(1.0, rng.uniform(0.15, 0.7) * organ.radius), rng)


def draw_islands(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    return islands(organ.mask, int(rng.integers(1, 4)), max(1.0, rng.uniform(0.1, 0.6) * organ.radius), rng)


def draw_leak(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    reach = max(2, round(rng.uniform(0.2, 2.0) * organ.radius))
    return leak_into_similar(organ.mask, organ.ct, reach, rng.uniform(25, 90))


def draw_neighbour(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    """Leaks into one of the structures that touch it or lie close; unchanged when it stands alone."""
    near = organ.labels[distance_outside(organ.mask) <= max(3.0, organ.radius)]
    own = organ.labels[organ.mask]
    candidates = np.setdiff1d(near, np.append(own, 0))
    if not len(candidates):
        return organ.mask
    neighbour = organ.labels == rng.choice(candidates)
    return leak_into_neighbour(organ.mask, neighbour, max(2.0, rng.uniform(0.3, 3.0) * organ.radius))


def draw_oversmoothing(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    return oversmooth(organ.mask, max(1.0, rng.uniform(0.1, 1.0) * organ.radius), rng.uniform(0.25, 0.7))


def draw_coarse(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    factor = max(2, round(rng.uniform(0.1, 1.0) * organ.radius))
    return coarsen(organ.mask, factor, (int(rng.integers(factor)), int(rng.integers(factor))))


def draw_beside(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    return beside(organ.mask, organ.mask, rng.uniform(0, 2 * np.pi))


DEGRADATIONS: Mapping[str, Degradation] = {
    "erode": draw_erosion,
    "dilate": draw_dilation,
    "elastic boundary": draw_boundary,
    "shift": draw_shift,
    "cut": draw_cut,
    "holes": draw_holes,
    "islands": draw_islands,
    "leak": draw_leak,
    "wrong neighbour": draw_neighbour,
    "oversmooth": draw_oversmoothing,
    "coarse": draw_coarse,
}


def draw_several(organ: OrganSlice, rng: np.random.Generator) -> np.ndarray:
    """Two or three different degradations one after the other; stops when nothing is left."""
    for name in rng.choice(list(DEGRADATIONS), size=int(rng.integers(2, 4)), replace=False):
        degraded = DEGRADATIONS[name](organ, rng)
        if not degraded.any():
            return organ.mask
        organ = organ.with_mask(degraded)
    return organ.mask
