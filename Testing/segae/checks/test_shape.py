"""A mask measured once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segae.checks import shape as shapes
from segae.checks.overlap import common_voxels
from segae.checks.shape import measure_shape
from segae.data import Segment
from segae.geometry.grid import Grid
from segae.labels.table import by_index

SIZE = (7, 9, 11)
MASKS = arrays(bool, SIZE).filter(np.any)
SPACINGS = st.tuples(*[st.sampled_from([0.5, 0.8, 1.0, 1.5, 3.0, 5.0])] * 3)


def _segment(mask: np.ndarray, grid: Grid) -> Segment:
    return Segment.from_mask("liver", by_index(13), mask, grid)


def _grid(spacing: tuple[float, float, float]) -> Grid:
    return Grid((11, 9, 7), np.diag([*spacing, 1.0]))


@given(mask=MASKS, spacing=SPACINGS, in_blocks=st.booleans())
def test_volume_and_middle_are_those_of_the_voxels(mask, spacing, in_blocks):
    grid = _grid(spacing)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "MOST_VOXELS", 0 if in_blocks else 10**6)
        shape = measure_shape(_segment(mask, grid), by_index(13))
    middle = grid.world(np.argwhere(mask)[:, ::-1].mean(axis=0))
    assert shape.counts.sum() == mask.sum()
    assert shape.volume_ml == pytest.approx(mask.sum() * np.prod(spacing) / 1000)
    half_block = shape.step[::-1] * spacing if in_blocks else np.full(3, 1e-9)
    assert (np.abs(shape.centre - middle) <= half_block).all()


@given(one=MASKS, other=MASKS, spacing=SPACINGS)
def test_common_voxels_are_counted_exactly(one, other, spacing):
    grid = _grid(spacing)
    a, b = (measure_shape(_segment(mask, grid), by_index(13)) for mask in (one, other))
    assert common_voxels(a, b) == (one & other).sum()


def test_loose_voxels_do_not_raise_the_top(sample_segmentation):
    kidney = next(s for s in sample_segmentation.segments if s.name == "kidney_left")
    mask = kidney.full_mask()
    top = measure_shape(kidney, by_index(15)).top
    mask[29, 50, 50] = True
    assert measure_shape(_segment(mask, kidney.grid), by_index(15)).top == pytest.approx(top, abs=3.0)
