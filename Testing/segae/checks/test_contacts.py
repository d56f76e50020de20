"""Which masks touch: real ones, and boxes at known distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segae.checks.contacts import touching_structures
from segae.data import Segment
from segae.geometry.grid import Grid
from segae.labels import resolve

LIVER, HEART, SPLEEN = (resolve(name).structure for name in ("liver", "heart", "spleen"))


def box(name: str, structure, where: tuple[slice, ...], spacing: float = 1.0) -> Segment:
    grid = Grid((40, 40, 40), np.diag([spacing, spacing, spacing, 1.0]))
    mask = np.zeros(grid.shape, bool)
    mask[where] = True
    return Segment.from_mask(name, structure, mask, grid)


def test_masks_of_the_sample_touch_their_anatomical_neighbours(sample_segmentation):
    touching = touching_structures(sample_segmentation.segments)
    assert {"stomach", "gallbladder", "lung lower lobe right"} <= {s.name for s in touching["liver"]}
    assert {"vertebrae T12", "vertebrae L2"} <= {s.name for s in touching["vertebrae_L1"]}
    assert not {"spleen", "kidney left"} & {s.name for s in touching["liver"]}


def test_touching_is_mutual(sample_segmentation):
    segments = [s for s in sample_segmentation.segments if s.structure and not s.is_empty]
    touching = touching_structures(segments)
    for one in segments:
        for other in segments:
            assert (one.structure in touching[other.name]) == (other.structure in touching[one.name])


@given(st.integers(0, 6), st.integers(0, 2), st.booleans())
def test_neighbours_within_a_voxel_touch_and_far_ones_do_not(start: int, axis: int, reverse: bool):
    def where(low: int, high: int) -> tuple[slice, ...]:
        extent = [slice(10, 20)] * 3
        extent[axis] = slice(low, high)
        return tuple(extent)

    a = box("a", LIVER, where(start, start + 8))
    near = box("near", HEART, where(start + 8, start + 12))
    far = box("far", SPLEEN, where(start + 15, start + 20))
    segments = [far, near, a] if reverse else [a, near, far]
    assert touching_structures(segments)["a"] == (HEART,)


def test_the_largest_contact_comes_first_and_overlap_is_contact():
    liver = box("liver", LIVER, (slice(5, 30), slice(5, 20), slice(5, 20)))
    inside = box("heart", HEART, (slice(8, 28), slice(8, 18), slice(8, 18)))
    beside = box("spleen", SPLEEN, (slice(5, 8), slice(20, 24), slice(5, 8)))
    assert touching_structures([beside, liver, inside])["liver"] == (HEART, SPLEEN)


@pytest.mark.parametrize("spacing", [0.5, 1.0, 3.0, 6.0])
def test_a_thin_mask_is_not_lost_in_the_blocks(spacing: float):
    thin = box("thin", LIVER, (slice(7, 8), slice(7, 8), slice(7, 8)), spacing)
    other = box("other", HEART, (slice(8, 9), slice(7, 8), slice(7, 8)), spacing)
    assert touching_structures([thin, other]) == {"thin": (HEART,), "other": (LIVER,)}


def test_empty_and_unknown_masks_are_left_out():
    empty = box("empty", LIVER, (slice(0, 0),) * 3)
    unknown = box("unknown", None, (slice(0, 9),) * 3)
    heart = box("heart", HEART, (slice(0, 9),) * 3)
    assert touching_structures([empty, unknown, heart]) == {"heart": ()}
