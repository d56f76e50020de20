"""The part of a slice that a picture shows: around the mask, as a radiologist looks at it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from segae.data import Segment, Volume
from segae.errors import InputError
from segae.geometry.box import Box
from segae.geometry.compare import describe_difference
from segae.geometry.orientation import orient_array, orient_box, orient_grid, slice_index_in_orientation

# Radiological display: columns run to the patient's left, rows to posterior.
DISPLAY = "LPS"
MARGIN_MM = 25.0  # shown around the mask
SMALLEST_MM = 150.0  # side of the picture of a small mask: enough to see where in the body it is


@dataclass(frozen=True)
class Cutout:
    """Part of one axial slice in radiological display.

    `hu`, `mask`: arrays (rows to posterior, columns to the patient's left). `extent`: left, right, bottom,
    top of the array in mm from the first voxel's centre, downwards positive, as matplotlib's imshow takes
    it. `view`: the same for the square that is shown, which may reach beyond the image. `part`: rows and
    columns of the slice that the arrays are.
    """

    hu: np.ndarray
    mask: np.ndarray
    extent: tuple[float, float, float, float]
    view: tuple[float, float, float, float]
    part: tuple[slice, slice]


def cutout(volume: Volume, segment: Segment, slice_in_file: int, missing: Segment | None = None) -> Cutout:
    """The part of an axial slice around the mask, or around what is `missing` where the mask has no voxel;
    `slice_in_file`: index along the file's own axis.

    Raises `InputError` when the mask lies on another grid or there is nothing in that slice.
    """
    different = describe_difference(segment.grid, volume.grid)
    if different:
        raise InputError(
            f"Mask {segment.name} {different}, so it cannot be drawn on {volume.source}; resample it first."
        )
    grid = orient_grid(volume.grid, DISPLAY)
    voxels = orient_array(volume.voxels, volume.grid, DISPLAY)
    k = slice_index_in_orientation(slice_in_file, volume.grid, DISPLAY)
    mask = plane_of(segment, slice_in_file)
    around = mask if mask.any() or missing is None else plane_of(missing, slice_in_file)
    if not around.any():
        raise InputError(
            f"Mask {segment.name} has no voxel in slice {slice_in_file}; draw the masks that were scored."
        )
    box = Box.of_mask(around)
    step = (float(grid.spacing[1]), float(grid.spacing[0]))
    centre = [(extent.start + extent.stop - 1) / 2 * mm for extent, mm in zip(box, step, strict=True)]
    side = max(size * mm for size, mm in zip(box.shape, step, strict=True))
    half = max(side + 2 * MARGIN_MM, SMALLEST_MM) / 2
    rows_shown, columns_shown = (
        slice(max(0, math.floor((c - half) / mm)), min(size, math.ceil((c + half) / mm) + 1))
        for c, mm, size in zip(centre, step, mask.shape, strict=True)
    )
    part = (rows_shown, columns_shown)
    left, right = (part[1].start - 0.5) * step[1], (part[1].stop - 0.5) * step[1]
    top, bottom = (part[0].start - 0.5) * step[0], (part[0].stop - 0.5) * step[0]
    view = (centre[1] - half, centre[1] + half, centre[0] + half, centre[0] - half)
    return Cutout(voxels[k][part], mask[part], (left, right, bottom, top), view, part)


def plane_of(segment: Segment, slice_in_file: int) -> np.ndarray:
    """The mask (rows to posterior, columns to the patient's left) in one whole axial slice of its grid."""
    box = orient_box(segment.box, segment.grid, DISPLAY)
    k = slice_index_in_orientation(slice_in_file, segment.grid, DISPLAY)
    columns, rows, _ = orient_grid(segment.grid, DISPLAY).size
    plane = np.zeros((rows, columns), bool)
    if box[0].start <= k < box[0].stop:
        plane[box[1:]] = orient_array(segment.voxels(), segment.grid, DISPLAY)[k - box[0].start]
    return plane
