"""Do CT and masks lie on one grid, and how does the CT lie in space?"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from segae.data import Segment, Segmentation, Volume
from segae.finding import Finding, Severity
from segae.geometry.compare import describe_difference
from segae.geometry.grid import Grid
from segae.geometry.orientation import axial_axis, axis_codes, obliqueness

OFF_GRID = "give the CT that the masks were drawn on, or allow resampling (--resample)."
MOST_OBLIQUE = 20.0  # degrees
_LEAST_INSIDE = 0.95  # share of a resampled mask's volume that should lie inside the CT


def check_axes(ct: Volume) -> list[Finding]:
    """Findings OBLIQUE and ONE_SLICE about the grid of `ct`."""
    findings = []
    tilt = obliqueness(ct.grid)
    if tilt > MOST_OBLIQUE:
        text = (
            f'"{ct.source}" ({axis_codes(ct.grid)}) lies {tilt:.1f} degrees oblique in the patient, more '
            f"than {MOST_OBLIQUE:.0f}, so that scores are less sure; turn CT and masks upright first."
        )
        findings.append(Finding("OBLIQUE", "warning", text, source=ct.source))
    if ct.grid.shape[axial_axis(ct.grid)] == 1:
        text = f'"{ct.source}" holds a single axial slice; read its score without the context of neighbours.'
        findings.append(Finding("ONE_SLICE", "warning", text, source=ct.source))
    return findings


def bring_to_grid(
    segmentation: Segmentation, ct: Volume, resample: bool, off_grid: str = OFF_GRID
) -> tuple[list[Segment], list[Finding]]:
    """The segments on the grid of `ct`, and findings GRID_DIFFERS, OUTSIDE_FOV and EMPTY_MASK.

    Segments on another grid are resampled by nearest neighbour if `resample`, else left out with an error,
    which ends with the advice `off_grid`.
    Those that lose all voxels by it are left out.
    """
    differing: dict[str, list[Segment]] = defaultdict(list)
    told: dict[int, str | None] = {}  # by grid: the segments of a file share theirs
    placed, findings = [], []
    for segment in segmentation.segments:
        key = id(segment.grid)
        if key not in told:
            told[key] = describe_difference(segment.grid, ct.grid)
        difference = told[key]
        if difference is None:
            placed.append(replace(segment, grid=ct.grid))
            continue
        differing[difference].append(segment)
        if resample:
            moved = segment.on_grid(ct.grid)
            findings += _check_loss(segment, moved, ct)
            if segment.is_empty or not moved.is_empty:
                placed.append(moved)
    todo = "the masks were resampled by nearest neighbour." if resample else off_grid
    severity: Severity = "warning" if resample else "error"
    grids = [_differs(text, those, segmentation, ct, severity, todo) for text, those in differing.items()]
    return placed, [*grids, *findings]


def _differs(
    difference: str,
    segments: list[Segment],
    segmentation: Segmentation,
    ct: Volume,
    severity: Severity,
    todo: str,
) -> Finding:
    """One finding for all segments that differ in the same way."""
    one = segments[0] if len(segments) == 1 else None
    source = one.source if one else str(segmentation.source)
    which = f'"{source}"' if one else f'"{source}" ({len(segments)} masks)'
    text = f'{which} does not lie on the grid of the CT "{ct.source}": {difference}; {todo}'
    return Finding("GRID_DIFFERS", severity, text, tuple(segment.name for segment in segments), source)


def _check_loss(segment: Segment, moved: Segment, ct: Volume) -> list[Finding]:
    """How much of a mask was lost when it was resampled to `ct`, and why."""
    if segment.is_empty:
        return []
    mask = f'The mask "{segment.name}" in "{segment.source}"'
    inside = _share_inside(segment, ct.grid)
    if inside == 0:
        code, what = "OUTSIDE_FOV", "lies wholly outside the CT"
    elif moved.is_empty:
        code, what = "EMPTY_MASK", "falls between the voxels of the CT"
    elif inside < _LEAST_INSIDE:
        code, what = "OUTSIDE_FOV", f"lies by {inside:.0%} only inside the CT"
    else:
        return []
    text = f'{mask} {what} "{ct.source}"; give the CT that it was drawn on.'
    return [Finding(code, "warning", text, (segment.name,), segment.source)]


def _share_inside(segment: Segment, grid: Grid) -> float:
    """Share of the segment's voxels whose centre lies in a voxel of `grid`."""
    to_grid = np.linalg.inv(grid.affine)
    first = np.array(segment.box.start[::-1])
    inside = total = 0
    for k, plane in enumerate(segment.voxels()):
        j, i = np.nonzero(plane)
        ijk = np.stack([i, j, np.full(i.size, k)], axis=-1) + first
        index = segment.grid.world(ijk) @ to_grid[:3, :3].T + to_grid[:3, 3]
        inside += int(((index >= -0.5) & (index < np.array(grid.size) - 0.5)).all(axis=1).sum())
        total += i.size
    return inside / total
