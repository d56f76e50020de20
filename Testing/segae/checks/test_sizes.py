"""Organs are large or small against the body that they are in."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from segae.checks.preflight import check_rules
from segae.checks.sizes import ADULT_MM2, body_scale
from segae.data import Segment, Segmentation, Volume
from segae.geometry.grid import Grid
from segae.labels.table import offered_structures

MM, SLICE_MM, SIZE = 2.0, 5.0, 220


def _patient(tall_mm: float, wide_mm: float, order: tuple[int, ...] = (0, 1, 2)) -> Volume:
    """Soft tissue of that outline in air; `order`: the array's axes, as places in (k, j, i)."""
    voxels = np.full((6, SIZE, SIZE), -1000, np.int16)
    voxels[:, 40 : 40 + round(tall_mm / MM), 10 : 10 + round(wide_mm / MM)] = 40
    columns = np.diag([MM, MM, SLICE_MM, 1.0])
    affine = columns[:, [*(2 - order[2 - axis] for axis in range(3)), 3]]
    turned = voxels.transpose(order)
    return Volume(turned, Grid((turned.shape[2], turned.shape[1], turned.shape[0]), affine))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_half_the_outline_of_an_adult_is_an_eighth_of_the_volume_however_the_file_lies(order):
    assert body_scale(_patient(230 / 2, 350 / 2, order)) == pytest.approx(1 / 8, rel=0.1)


def test_a_large_body_may_have_large_organs():
    assert body_scale(_patient(280, 400)) == pytest.approx((280 * 400 / ADULT_MM2) ** 1.5, rel=0.05)


def test_a_body_that_the_picture_cuts_says_nothing():
    patient = _patient(230, 200)
    patient.voxels[:, 40:155, :] = 40  # reaches both edges of the picture
    assert body_scale(patient) == 1.0
    patient.voxels[:] = -1000
    assert body_scale(patient) == 1.0


def test_an_adults_spleen_is_large_in_a_child_and_says_against_what():
    child = _patient(120, 180)
    mask = np.zeros(child.voxels.shape, bool)
    mask[1:5, 45:75, 20:90] = True  # 168 ml
    spleen = next(structure for structure in offered_structures() if structure.name == "spleen")
    segmentation = Segmentation((Segment.from_mask("spleen", spleen, mask, child.grid),))
    assert not [finding for finding in check_rules(segmentation) if finding.code == "VOLUME"]
    (finding,) = (finding for finding in check_rules(segmentation, child) if finding.code == "VOLUME")
    assert "168 ml, unusually large for spleen of a body of this size" in finding.message
