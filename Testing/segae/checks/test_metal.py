"""Metal near a mask."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segae.checks.metal import check_metal, find_metal
from segae.checks.preflight import run_preflight
from segae.data import Segment, Volume
from segae.results.verdicts import UNRELIABLE


@pytest.fixture
def liver(sample_segmentation) -> Segment:
    return next(s for s in sample_segmentation.segments if s.name == "liver")


def _with_rod(ct: Volume, segment: Segment, hu: float, n_slices: int, moved: int = 0) -> Volume:
    """A rod of 2 x 2 voxels along k, in the middle of the mask's box or `moved` along i."""
    voxels = ct.voxels.copy()
    k, j, i = ((extent.start + extent.stop) // 2 for extent in segment.box)
    voxels[k : k + n_slices, j : j + 2, i + moved : i + moved + 2] = hu
    return replace(ct, voxels=voxels)


def test_metal_beside_a_mask_is_told_with_its_share_of_slices(sample_ct, liver):
    (finding,) = check_metal(liver, find_metal(_with_rod(sample_ct, liver, 3071, 9)))
    assert (finding.code, finding.severity, finding.segments) == ("METAL", "warning", ("liver",))
    assert "in 30% of its slices" in finding.message
    assert finding.code in UNRELIABLE


@pytest.mark.parametrize(("hu", "n_slices"), [(2900, 9), (3071, 5)], ids=["dense bone", "few slices"])
def test_bone_and_metal_in_few_slices_are_no_matter(sample_ct, liver, hu, n_slices):
    assert check_metal(liver, find_metal(_with_rod(sample_ct, liver, hu, n_slices))) == []


def test_metal_far_from_a_mask_is_not_told_of_it(sample_ct, sample_segmentation):
    rib = next(s for s in sample_segmentation.segments if s.name == "rib_left_12")
    kidney = next(s for s in sample_segmentation.segments if s.name == "kidney_right")
    metal = find_metal(_with_rod(sample_ct, rib, 3071, 15))
    assert check_metal(rib, metal) != []
    assert check_metal(kidney, metal) == []


def test_a_single_voxel_is_noise(sample_ct, liver):
    voxels = sample_ct.voxels.copy()
    voxels[tuple(extent.start for extent in liver.box)] = 3071
    assert len(find_metal(replace(sample_ct, voxels=voxels)).places) == 0


def test_the_preflight_tells_of_metal_and_the_sample_has_none(sample_ct, sample_segmentation, liver):
    def codes(ct: Volume) -> set[str]:
        return {finding.code for finding in run_preflight(ct, sample_segmentation).findings}

    assert "METAL" not in codes(sample_ct)
    assert "METAL" in codes(_with_rod(sample_ct, liver, 3071, 12))


def test_slices_may_lie_along_any_axis(sample_ct, liver):
    from segae.geometry.grid import Grid

    turned = np.transpose(_with_rod(sample_ct, liver, 3071, 9).voxels, (2, 1, 0))
    ni, nj, nk = sample_ct.grid.size
    grid = Grid((nk, nj, ni), sample_ct.grid.affine[:, [2, 1, 0, 3]])
    mask = np.transpose(liver.full_mask(), (2, 1, 0))
    segment = Segment.from_mask("liver", liver.structure, mask, grid)
    (finding,) = check_metal(segment, find_metal(Volume(turned, grid)))
    assert "in 30% of its slices" in finding.message
