"""All checks of a case, in the order in which they make sense."""

from __future__ import annotations

from dataclasses import replace

from segae.checks.finding import Finding, Preflight
from segae.checks.intensity import check_intensity, measure
from segae.checks.masks import check_mask, check_names
from segae.checks.metal import check_metal, find_metal
from segae.checks.placement import bring_to_grid, check_axes
from segae.data import Segment, Segmentation, Volume


def run_preflight(
    ct: Volume, segmentation: Segmentation, *, resample: bool = False, may_be_empty: bool = False
) -> Preflight:
    """Check `ct` and `segmentation` before scoring; nothing is raised.

    The result holds what can be scored: segments with a structure and with voxels, on the grid of `ct`.
    `resample` allows masks on another grid to be brought there by nearest neighbour. That no mask has a voxel
    is an error, unless they `may_be_empty` because their organs are looked for.
    """
    intensity = measure(ct)
    findings = [*check_intensity(ct, intensity), *check_axes(ct), *check_names(list(segmentation.segments))]
    named = tuple(segment for segment in segmentation.segments if segment.structure is not None)
    placed, about_grids = bring_to_grid(replace(segmentation, segments=named), ct, resample)
    findings += about_grids
    metal = find_metal(ct)
    for segment in placed:
        findings += [*check_mask(segment, ct, intensity.fill), *check_metal(segment, metal)]
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
