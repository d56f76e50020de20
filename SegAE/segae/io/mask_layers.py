"""Masks in as few arrays of labels as hold them: those of one array do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from segae.data import Segment
from segae.geometry.box import Box, enclosing_box
from segae.geometry.grid import Grid

_MOST = 255  # masks of one array, whose labels are bytes


@dataclass(eq=False)
class MaskLayer:
    """Masks on one grid that do not overlap. `places`: where each stands in the list, in the order of their
    values 1, 2, ... in `labels` (uint8), the voxels of `box`."""

    grid: Grid
    box: Box
    labels: np.ndarray
    places: list[int] = field(default_factory=list)

    def takes(self, segment: Segment, voxels: np.ndarray) -> bool:
        """Whether a mask may join: on the same grid, and free of the others."""
        if not same_grid(self.grid, segment.grid) or len(self.places) >= _MOST:
            return False
        return segment.is_empty or not self.labels[segment.box.relative_to(self.box).slices][voxels].any()

    def add(self, segment: Segment, voxels: np.ndarray, place: int) -> None:
        """Take a mask in."""
        self.places.append(place)
        if not segment.is_empty:
            self.labels[segment.box.relative_to(self.box).slices][voxels] = len(self.places)


def mask_layers(segments: Sequence[Segment]) -> list[MaskLayer]:
    """The layers of some masks, which may lie on several grids. Each mask is unpacked once, and looked at
    where it lies only: a case has more than a hundred."""
    layers: list[MaskLayer] = []
    for place, segment in enumerate(segments):
        voxels = np.zeros((0, 0, 0), bool) if segment.is_empty else segment.voxels()
        layer = next((one for one in layers if one.takes(segment, voxels)), None)
        if layer is None:
            box = enclosing_box(one.box for one in segments if same_grid(one.grid, segment.grid))
            layer = MaskLayer(segment.grid, box, np.zeros(box.shape, np.uint8))
            layers.append(layer)
        layer.add(segment, voxels, place)
    return layers


def same_grid(one: Grid, other: Grid) -> bool:
    """Whether two grids are the same but for rounding."""
    return one is other or (one.size == other.size and np.allclose(one.affine, other.affine))
