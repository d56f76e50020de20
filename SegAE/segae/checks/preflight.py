"""All checks of a case: what comes before scoring, and the rules over all masks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from segae.checks.components import check_holes, check_islands
from segae.checks.intensity import check_intensity, measure_intensity
from segae.checks.laterality import check_heights, check_kidneys, check_sides, check_way_up
from segae.checks.levels import check_levels
from segae.checks.masks import check_mask, check_names
from segae.checks.metal import check_metal, find_metal
from segae.checks.overlap import check_overlaps
from segae.checks.placement import bring_to_grid, check_axes
from segae.checks.shape import measure_shape
from segae.checks.sizes import body_scale, check_symmetry, check_volume
from segae.data import Segment, Segmentation, Volume
from segae.errors import InputError
from segae.finding import Finding


@dataclass(frozen=True)
class Preflight:
    """All findings of a case, and the segments that can be scored, on the CT's grid."""

    findings: tuple[Finding, ...]
    segmentation: Segmentation

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def raise_for_errors(self) -> None:
        """Raises `InputError` with the first error's sentence when there is any."""
        if self.errors:
            first, *others = self.errors
            more = f" ({len(others)} more of {len(self.errors)} errors not shown)" if others else ""
            raise InputError(first.message + more)


def run_preflight(
    ct: Volume,
    segmentation: Segmentation,
    *,
    resample: bool = False,
    may_be_empty: bool = False,
    off_grid: str | None = None,
    ct_grid: bool = False,
) -> Preflight:
    """Check `ct` and `segmentation` before scoring; nothing is raised.

    The result holds what can be scored: segments with a structure and with voxels, on the grid of `ct`.
    `resample` allows masks on another grid to be brought there by nearest neighbour; without it they are an
    error, and `off_grid` says what to do about it; `ct_grid` takes the CT's grid for masks that differ by
    their place alone. That no mask has a voxel
    is an error, unless they `may_be_empty` because their organs are looked for.
    """
    intensity = measure_intensity(ct)
    findings = [*ct.findings, *segmentation.findings, *check_intensity(ct, intensity), *check_axes(ct)]
    findings += check_names(list(segmentation.segments))
    named = tuple(segment for segment in segmentation.segments if segment.structure is not None)
    to_place = replace(segmentation, segments=named)
    placed, about_grids = bring_to_grid(to_place, ct, resample, off_grid, ct_grid)
    findings += about_grids
    metal = find_metal(ct)
    for segment in placed:
        findings += [*check_mask(segment, ct, intensity.voids), *check_metal(segment, metal)]
    scorable = tuple(segment for segment in placed if not segment.is_empty)
    if not scorable and not any(finding.severity == "error" for finding in findings):
        nothing = _nothing_left(segmentation, named)
        if not (may_be_empty and nothing.code == "EMPTY_MASK"):
            findings.append(nothing)
    return Preflight(tuple(findings), replace(segmentation, segments=scorable))


def _nothing_left(segmentation: Segmentation, named: tuple[Segment, ...]) -> Finding:
    source = str(segmentation.source)
    if not named:
        code, text = "UNKNOWN_NAME", f'No mask in "{source}" has a name of the label table; name the masks.'
    elif all(segment.is_empty for segment in named):
        code, text = "EMPTY_MASK", f'Every mask in "{source}" is empty; give masks with voxels.'
    else:
        code, text = "OUTSIDE_FOV", f'No mask in "{source}" lies inside the CT; give the CT of these masks.'
    return Finding(code, "error", text, source=source)


_OF_ALL_MASKS = (
    check_way_up, check_overlaps, check_symmetry, check_sides, check_heights, check_kidneys, check_levels,
)  # fmt: skip


def check_rules(segmentation: Segmentation, ct: Volume | None = None) -> tuple[Finding, ...]:
    """What the masks say beside their scores: one sentence each, "info" or "warning", never an error. With
    the CT, volumes are compared with the size of the body, without it with those of adults.

    Masks without voxels or structure are left out. Each is unpacked once, inside its box; positions are those
    of the masks' own grids, so they need not share one (only overlaps do).
    """
    shapes = [measure_shape(s, s.structure) for s in segmentation.segments if s.structure and not s.is_empty]
    scale = 1.0 if ct is None else body_scale(ct)
    checks = (check_islands, check_holes, partial(check_volume, scale=scale))
    single = [finding for shape in shapes for check in checks for finding in check(shape)]
    common = [finding for check in _OF_ALL_MASKS for finding in check(shapes)]
    return (*single, *common)
