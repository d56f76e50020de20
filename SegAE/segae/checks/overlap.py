"""Masks that claim the same voxels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from segae.checks.shape import Shape
from segae.finding import Finding
from segae.geometry.box import Box

LEAST_ML = 0.1
LEAST_SHARE = 0.01  # of the smaller mask
MUCH = 0.1  # of the smaller mask: more than a shared border
WHOLE = 0.9  # of the smaller mask: the larger one has swallowed it
# Structures that hold others, by what they hold; an empty tuple stands for everything.
HOLDS: dict[str, tuple[str, ...]] = {
    "muscles": (), "fat": (), "abdominal tissue": (), "mediastinal tissue": (), "skin": (),
    "heart": ("heart",), "uterocervix": ("uterus",), "sternum": ("sternum",), "lung": ("bronchie",),
}  # fmt: skip


def check_overlaps(shapes: Sequence[Shape]) -> Iterable[Finding]:
    """Findings OVERLAP of pairs of masks on one grid, named after the smaller one, and SWALLOWED where nearly
    all of it lies in the larger one, which is then named first."""
    for one, other in combinations(sorted(shapes, key=lambda shape: shape.volume_ml), 2):
        if one.segment.grid is not other.segment.grid or _holds(one, other) or _holds(other, one):
            continue
        volume_ml = common_voxels(one, other) * one.voxel_ml
        share = volume_ml / one.volume_ml
        if volume_ml < LEAST_ML or share < LEAST_SHARE:
            continue
        if share >= WHOLE:
            text = (
                f'The mask "{other.name}" holds {share:.0%} of "{one.name}", as if it had swallowed it; take '
                f'"{one.name}" out of it, or see whether a name is wrong.'
            )
            both = (other.name, one.name)
            yield Finding("SWALLOWED", "warning", text, both, other.segment.source)
            continue
        text = (
            f'The masks "{one.name}" and "{other.name}" share {volume_ml:.1f} ml, {share:.0%} of '
            f'"{one.name}"; give each voxel to one of them.'
        )
        severity = "warning" if share >= MUCH else "info"
        yield Finding("OVERLAP", severity, text, (one.name, other.name), one.segment.source)


def common_voxels(one: Shape, other: Shape) -> int:
    """Voxels in both masks; only where both reach the same blocks anything is unpacked."""
    low = np.maximum(one.low, other.low)
    high = np.minimum(one.low + one.coarse.shape, other.low + other.coarse.shape)
    if (low >= high).any():
        return 0
    shared = _blocks(one, low, high) & _blocks(other, low, high)
    near = Box.of_mask(shared)
    reached = Box.of_ends((low + near.start) * one.raster, (low + near.stop) * one.raster)
    common = reached.intersect(one.segment.box).intersect(other.segment.box)
    if near.is_empty or common.is_empty:
        return 0
    return int(np.count_nonzero(_voxels(one, common) & _voxels(other, common)))


def _blocks(shape: Shape, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return shape.coarse[tuple(map(slice, low - shape.low, high - shape.low))]


def _voxels(shape: Shape, box: Box) -> np.ndarray:
    """The mask in a box that lies inside its own."""
    segment = shape.segment
    k, j, i = box.relative_to(segment.box)
    return np.unpackbits(segment.bits[k, j], axis=-1, count=segment.shape[2])[..., i].view(bool)


def _holds(outer: Shape, inner: Shape) -> bool:
    """Whether `inner` is a part of `outer`, or something that lies in such tissue."""
    for name, parts in HOLDS.items():
        if outer.structure.name.startswith(name):
            return not parts or inner.structure.name.startswith(parts)
    return False
