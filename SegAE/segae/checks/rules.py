"""All rules over the masks of one case."""

from __future__ import annotations

from functools import partial

from segae.checks.components import check_holes, check_pieces
from segae.checks.finding import Finding
from segae.checks.laterality import check_heights, check_kidneys, check_sides
from segae.checks.levels import check_levels
from segae.checks.overlap import check_overlaps
from segae.checks.shape import measure
from segae.checks.sizes import body_scale, check_symmetry, check_volume
from segae.data import Segmentation, Volume


def check_rules(segmentation: Segmentation, ct: Volume | None = None) -> tuple[Finding, ...]:
    """What the masks say beside their scores: one sentence each, "info" or "warning", never an error. With
    the CT, volumes are compared with the size of the body, without it with those of adults.

    Masks without voxels or structure are left out. Each is unpacked once, inside its box; positions are those
    of the masks' own grids, so they need not share one (only overlaps do).
    """
    shapes = [measure(s, s.structure) for s in segmentation.segments if s.structure and not s.is_empty]
    scale = 1.0 if ct is None else body_scale(ct)
    checks = (check_pieces, check_holes, partial(check_volume, scale=scale))
    single = [finding for shape in shapes for check in checks for finding in check(shape)]
    common = [
        finding
        for check in (check_overlaps, check_symmetry, check_sides, check_heights, check_kidneys, check_levels)
        for finding in check(shapes)
    ]
    return (*single, *common)
