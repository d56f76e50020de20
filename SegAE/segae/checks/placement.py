"""Do CT and masks lie on one grid, and how does the CT lie in space?"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from segae.data import Segment, Segmentation, Volume
from segae.errors import way
from segae.finding import Finding, Severity
from segae.geometry.compare import (
    SAME_WITHIN_VOXELS,
    describe_difference,
    find_place,
    lost_place,
    shear,
)
from segae.geometry.grid import Grid
from segae.geometry.orientation import axial_axis, axis_codes, obliqueness

MOST_OBLIQUE = 20.0  # degrees
_LEAST_INSIDE = 0.95  # share of a resampled mask's volume that should lie inside the CT


def check_axes(ct: Volume) -> list[Finding]:
    """Findings SHEARED, OBLIQUE and ONE_SLICE about the grid of `ct`."""
    findings = _check_shear(ct)
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


_NO_SHEAR = 1e-3  # voxels; what rounding in a header makes


def _check_shear(ct: Volume) -> list[Finding]:
    """How far the axes are from right angles, as those of a scan with a tilted gantry are."""
    degrees, away = shear(ct.grid)
    voxels = away / float(ct.grid.spacing.min())
    if voxels <= _NO_SHEAR:
        return []
    if voxels <= SAME_WITHIN_VOXELS:
        text = (
            f'The axes of "{ct.source}" are off right angles by {degrees:.3g} degrees, which moves its '
            f"corners by {away:.2g} mm; this is rounding, nothing to do."
        )
        return [Finding("SHEARED", "info", text, source=ct.source)]
    text = (
        f'The axes of "{ct.source}" are off right angles by {degrees:.1f} degrees, as those of a scan with a '
        f"tilted gantry are (corners move by {away:.1f} mm); masks on the same grid are scored, check that "
        "the tilt is real."
    )
    return [Finding("SHEARED", "warning", text, source=ct.source)]


def bring_to_grid(
    segmentation: Segmentation,
    ct: Volume,
    resample: bool,
    off_grid: str | None = None,
    ct_grid: bool = False,
) -> tuple[list[Segment], list[Finding]]:
    """The segments on the grid of `ct`, and findings GRID_DIFFERS, OUTSIDE_FOV and EMPTY_MASK.

    Another axis order, or a crop of the CT, loses nothing and is no difference. Segments on another grid are
    resampled by nearest neighbour if `resample`, else left out, with an error when no other mask is left; the
    sentence ends with the advice `off_grid` (None: how to allow it). With `ct_grid`, masks that differ by
    their place alone are taken to lie on the CT. Those that lose all voxels by resampling are left out.
    """
    differing: dict[str, list[Segment]] = defaultdict(list)
    moved_to_ct: dict[str, list[Segment]] = defaultdict(list)
    told: dict[int, str | None] = {}  # by grid: the segments of a file share theirs
    placed, findings = [], []
    for segment in segmentation.segments:
        key = id(segment.grid)
        if key not in told:
            same = find_place(segment.grid, ct.grid) is not None
            told[key] = None if same else describe_difference(segment.grid, ct.grid)
        difference = told[key]
        if difference is None:
            placed.append(segment.placed_on(ct.grid) or replace(segment, grid=ct.grid))
            continue
        if ct_grid and lost_place(segment.grid, ct.grid):
            moved_to_ct[difference].append(segment)
            placed.append(replace(segment, grid=ct.grid))
            continue
        differing[difference].append(segment)
        if resample and segment.grid.placed:
            moved = segment.on_grid(ct.grid)
            findings += _check_loss(segment, moved, ct)
            if segment.is_empty or not moved.is_empty:
                placed.append(moved)
    grids = []
    for text, those in differing.items():
        resampled = resample and those[0].grid.placed
        todo = "the masks were resampled by nearest neighbour." if resampled else off_grid or _off_grid()
        # Where others lie on the CT, those that do not are left out and cost no other.
        severity: Severity = "warning" if resampled or any(not one.is_empty for one in placed) else "error"
        grids.append(_differs(text, those, segmentation, ct, severity, todo))
    for text, those in moved_to_ct.items():
        todo = "the grid of the CT was taken for them, as asked for; check that they fit it."
        grids.append(_differs(text, those, segmentation, ct, "warning", todo))
    return placed, [*grids, *findings]


def _off_grid() -> str:
    return way(
        "give the CT that the masks were drawn on, or allow resampling (--resample); if only the place in "
        "the header was lost, take the grid of the CT (--ct-grid).",
        "choose the CT that the masks were drawn on.",
    )


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
