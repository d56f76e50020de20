"""Metal in the picture: its streaks hide the border of whatever lies in the same slice near it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segae.data import Segment, Volume
from segae.finding import Finding
from segae.geometry.orientation import axial_axis

ABOVE = 3000  # HU; the densest enamel and cortical bone stay below, implants and clips do not
LEAST_MM3 = 50.0  # of metal in the whole CT: noise and calcifications have single voxels
REACH_MM = 10.0  # within the slice: further away, only the strongest streaks disturb
LEAST_SHARE = 0.2  # of a mask's slices


@dataclass(frozen=True, eq=False)
class Metal:
    """`places` (n, 3): voxels (k, j, i) of metal; none when there is less than `LEAST_MM3`."""

    places: np.ndarray


def find_metal(ct: Volume) -> Metal:
    """Look at every voxel of `ct`, plane by plane."""
    by_plane = [np.argwhere(plane > ABOVE) for plane in ct.voxels]
    places = np.concatenate([np.insert(found, 0, k, axis=1) for k, found in enumerate(by_plane)])
    enough = len(places) * float(np.prod(ct.grid.spacing)) >= LEAST_MM3
    return Metal(places if enough else places[:0])


def check_metal(segment: Segment, metal: Metal) -> list[Finding]:
    """Finding METAL of a mask on the grid of the CT: metal within some millimetres of its box, in a good part
    of its slices."""
    if segment.is_empty or len(metal.places) == 0:
        return []
    axis = axial_axis(segment.grid)
    margin = np.round(REACH_MM / segment.grid.spacing[::-1]).astype(int)
    margin[axis] = 0
    first = np.array(segment.box.start) - margin
    stop = np.array(segment.box.stop) + margin
    near = metal.places[((metal.places >= first) & (metal.places < stop)).all(axis=1)]
    share = len(np.unique(near[:, axis])) / segment.shape[axis]
    if share < LEAST_SHARE:
        return []
    text = (
        f'The mask "{segment.name}" in "{segment.source}" has metal (above {ABOVE} HU) close by in '
        f"{share:.0%} of its slices; look at it whatever its score."
    )
    return [Finding("METAL", "warning", text, (segment.name,), segment.source)]
