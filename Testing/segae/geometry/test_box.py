"""Boxes against what the voxels say, for arrays with any number of axes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segae.geometry.box import Box, boxes_of_labels

SHAPE = (5, 6, 7)
masks = hnp.arrays(
    st.sampled_from([np.bool_, np.uint8, np.int16, np.float32]),
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=5),
    elements=st.sampled_from([0, 0, 0, 1]),
)
label_maps = hnp.arrays(
    st.sampled_from([np.uint8, np.int16, np.uint16]),
    hnp.array_shapes(min_dims=3, max_dims=3, max_side=19),
    elements=st.sampled_from([0, 0, 0, 1, 2, 3, 9]),
)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    ends = [sorted(draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in SHAPE]
    return Box.of_ends(*zip(*ends, strict=True))


def filled(box: Box) -> np.ndarray:
    array = np.zeros(SHAPE, bool)
    array[box.slices] = True
    return array


@given(masks)
def test_the_box_of_a_mask_reaches_from_its_first_to_its_last_voxel(mask: np.ndarray) -> None:
    box, places = Box.of_mask(mask), np.argwhere(mask)
    if not places.size:
        assert box == Box.empty(mask.ndim) and box.is_empty
        return
    assert (box.start, box.stop) == (tuple(places.min(axis=0)), tuple(places.max(axis=0) + 1))
    assert np.count_nonzero(mask[box.slices]) == np.count_nonzero(mask)
    assert box.shape == mask[box.slices].shape and not box.is_empty


@given(boxes())
def test_a_box_is_that_of_the_voxels_that_it_holds(box: Box) -> None:
    assert Box.of_mask(filled(box)) == box
    assert Box.of_ends(box.start, box.stop) == box
    assert tuple(box) == box.slices == box[:3] and box[1] == box.slices[1]


@given(boxes(), boxes())
def test_an_intersection_holds_what_is_in_both_and_a_union_all_of_both(a: Box, b: Box) -> None:
    both = filled(a) & filled(b)
    assert a.intersect(b) == b.intersect(a) == Box.of_mask(both)
    assert a.union(b) == b.union(a) == Box.of_mask(filled(a) | filled(b))
    assert a.union(Box.empty()) == a and a.intersect(Box.empty()).is_empty


@given(boxes(), st.tuples(*[st.integers(-3, 3)] * 3))
def test_a_shift_moves_every_voxel(box: Box, by: tuple[int, int, int]) -> None:
    moved = box.shift(*by)
    assert moved.shape == box.shape and moved.shift(*(-n for n in by)) == box
    assert box.is_empty or np.array_equal(np.subtract(moved.start, box.start), by)


@given(boxes(), boxes())
def test_a_box_in_the_array_of_another_one_holds_the_same_voxels(a: Box, outer: Box) -> None:
    inner = a.intersect(outer)
    values = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    assert np.array_equal(values[outer.slices][inner.relative_to(outer).slices], values[inner.slices])


@given(label_maps)
def test_the_boxes_of_labels_are_those_of_each_label_alone(labels: np.ndarray) -> None:
    expected = {int(value): Box.of_mask(labels == value) for value in np.unique(labels) if value}
    assert boxes_of_labels(labels) == expected
    assert boxes_of_labels(labels, [2, 9, 40]) == {v: box for v, box in expected.items() if v in (2, 9)}
    view = labels[::-1, :, ::-1]
    assert boxes_of_labels(view) == {int(v): Box.of_mask(view == v) for v in np.unique(view) if v}


@pytest.mark.parametrize("shape", [(0, 4, 5), (3, 4, 0), (2, 2, 2)])
def test_an_array_without_labels_has_no_boxes(shape: tuple[int, int, int]) -> None:
    assert boxes_of_labels(np.zeros(shape, np.uint8)) == {}
    assert boxes_of_labels(np.ones((2, 2, 2), np.uint8), []) == {}


def test_a_widened_box_ends_where_the_array_ends() -> None:
    box = Box.of_ends((2, 5), (4, 9))
    assert box.widened(1, (10, 20)) == Box.of_ends((1, 4), (5, 10))
    assert box.widened(3, (6, 10)) == Box.of_ends((0, 2), (6, 10))
    assert Box.empty(2).widened(3, (6, 10)) == Box.empty(2)
