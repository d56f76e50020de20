"""Edits after scoring are noticed, per segment and per slice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from vtkmodules.util.numpy_support import vtk_to_numpy

from segae.data import Segment
from segae.errors import InputError
from segae.geometry.grid import Grid
from segae.results.types import CaseReport, ModelIdentity, SegmentResult
from SegAELib.mrml.binding import BINARY_LABELMAP
from SegAELib.mrml.edits import EditWatch, SliceChanges, changed_slices, fingerprint
from SegAELib.mrml.scene_reader import read_segments
from SegAELib.mrml.score_tags import read_score, write_score

SHAPE = (6, 7, 9)
GRID = Grid((9, 7, 6), np.eye(4))
MASKS = hnp.arrays(bool, SHAPE, elements=st.booleans())


def segment(mask: np.ndarray) -> Segment:
    return Segment.from_mask("x", None, mask, GRID)


@given(MASKS, MASKS, st.sampled_from([0, 1, 2]))
def test_changed_slices_are_exactly_those_whose_mask_differs(old, new, axis):
    changes = changed_slices(fingerprint(segment(old), axis), segment(new))
    before, after = np.moveaxis(old, axis, 0), np.moveaxis(new, axis, 0)
    differ = [n for n in range(len(before)) if (before[n] != after[n]).any()]
    assert changes.rescore == tuple(n for n in differ if after[n].any())
    assert changes.removed == tuple(n for n in differ if not after[n].any())


@given(MASKS, st.integers(0, 5), st.sampled_from([0, 1, 2]))
def test_an_edit_elsewhere_changes_no_digest(mask, slice_index, axis):
    edited = mask.copy()
    np.moveaxis(edited, axis, 0)[slice_index] ^= True
    old, new = (fingerprint(segment(m), axis).digests for m in (mask, edited))
    assert {n: d for n, d in old.items() if n != slice_index} == {
        n: d for n, d in new.items() if n != slice_index
    }


def test_a_mask_moved_by_one_voxel_has_changed():
    mask = np.zeros(SHAPE, bool)
    mask[2, 2:4, 3:6] = True
    changes = changed_slices(fingerprint(segment(mask), 0), segment(np.roll(mask, 1, axis=2)))
    assert changes == SliceChanges((2,), ())


@given(MASKS, MASKS, st.sets(st.integers(0, 5)))
def test_a_slice_that_was_not_scored_is_no_edit_and_a_new_one_is(old, new, scored):
    """As with "only ten per segment", or when scoring was stopped."""
    taken = fingerprint(segment(old), 0).of_scored(scored)
    changes = changed_slices(taken, segment(new))
    differ = {n for n in range(len(old)) if (old[n] != new[n]).any()}
    had_mask = {n for n in range(len(old)) if old[n].any()}
    counted = {n for n in differ if n in scored or n not in had_mask}
    assert changes.rescore == tuple(sorted(n for n in counted if new[n].any()))
    assert changes.removed == tuple(sorted(n for n in differ & scored & had_mask if not new[n].any()))


def is_stale(node, segment_id: str) -> bool:
    """Whether the tags of a scored segment call it stale."""
    score = read_score(node, segment_id)
    assert score is not None
    return score.stale


@pytest.fixture
def scene_case(mini):
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:5, 1:4, 1:5] = 1
    labels[1:5, 4:6, 5:8] = 2
    volume = mini.add_volume(np.zeros(SHAPE, np.int16), np.eye(4))
    node = mini.add_segmentation([(labels, np.eye(4), {1: "liver", 2: "spleen"})], volume)
    for segment_id in ("liver", "spleen"):
        result = SegmentResult(segment_id, 11, segment_id, 9, 0.1, predicted_dice=0.8, verdict="fine")
        write_score(node, segment_id, result, CaseReport("c", "ct", "masks", ModelIdentity("m", "s", "a")))
    prints = {i: fingerprint(s, 0) for i, s in read_segments(node, volume).items()}
    return volume, node, prints


def edit(node, value: int, where: tuple) -> None:
    """Paint into the shared labelmap as the Segment Editor does."""
    image = node.GetSegmentation().GetLayerDataObject(0, BINARY_LABELMAP)
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(SHAPE)
    voxels[where] = value
    image.GetPointData().GetScalars().Modified()
    image.Modified()


def test_an_edit_marks_the_edited_segment_stale_and_names_its_slices(scene_case):
    volume, node, prints = scene_case
    calls = []
    watch = EditWatch(node, volume, lambda: calls.append("edited"))
    watch.remember(prints)
    assert not calls and watch.check(prints) == {} and watch.touched(prints) == []
    edit(node, 1, np.s_[3, 1:3, 5:7])
    assert calls and set(watch.touched(prints)) == {"liver", "spleen"}  # they share a labelmap
    assert watch.check(prints) == {"liver": SliceChanges((3,), ())}
    assert is_stale(node, "liver") and not is_stale(node, "spleen")
    assert watch.touched(prints) == ["liver"]


def test_painting_over_a_neighbour_makes_both_stale(scene_case):
    volume, node, prints = scene_case
    watch = EditWatch(node, volume)
    watch.remember(prints)
    edit(node, 1, np.s_[2, 4:6, 5:8])
    changes = watch.check(prints)
    assert changes == {"liver": SliceChanges((2,), ()), "spleen": SliceChanges((), (2,))}


def test_undoing_an_edit_takes_the_mark_away(scene_case):
    volume, node, prints = scene_case
    watch = EditWatch(node, volume)
    watch.remember(prints)
    edit(node, 0, np.s_[2, 1, 1])
    assert watch.check(prints) == {"liver": SliceChanges((2,), ())}
    assert watch.check(prints) == {"liver": SliceChanges((2,), ())}  # asked twice, told twice
    edit(node, 1, np.s_[2, 1, 1])
    assert watch.check(prints) == {} and not is_stale(node, "liver")


def test_after_a_new_score_the_edit_counts_as_seen(scene_case):
    volume, node, prints = scene_case
    watch = EditWatch(node, volume)
    watch.remember(prints)
    edit(node, 0, np.s_[2, 1, 1])
    again = {i: fingerprint(s, 0) for i, s in read_segments(node, volume).items()}
    watch.remember(again)
    assert watch.check(again) == {}


def test_a_deleted_segment_loses_all_its_slices(scene_case):
    volume, node, prints = scene_case
    calls = []
    watch = EditWatch(node, volume, lambda: calls.append("edited"))
    watch.remember(prints)
    node.GetSegmentation().RemoveSegment("spleen")
    assert calls
    assert watch.check(prints)["spleen"] == SliceChanges((), (1, 2, 3, 4))


def test_renaming_and_colouring_are_no_edits(scene_case):
    volume, node, prints = scene_case
    calls = []
    watch = EditWatch(node, volume, lambda: calls.append("edited"))
    watch.remember(prints)
    node.GetSegmentation().GetSegment("liver").SetName("Leber")
    node.GetSegmentation().GetSegment("liver").SetColor(1, 0, 0)
    assert not calls and watch.touched(prints) == []


def test_moving_the_segmentation_under_a_transform_makes_it_stale(mini, scene_case):
    volume, node, prints = scene_case
    calls = []
    watch = EditWatch(node, volume, lambda: calls.append("edited"))
    watch.remember(prints)
    shift = np.eye(4)
    shift[2, 3] = 1
    mini.add_transform(shift, node)
    assert calls
    assert watch.check(prints)["liver"] == SliceChanges((5,), (1,))


def test_moving_the_volume_away_makes_it_stale(mini, scene_case):
    volume, node, prints = scene_case
    calls = []
    watch = EditWatch(node, volume, lambda: calls.append("edited"))
    watch.remember(prints)
    far = np.eye(4)
    far[2, 3] = 500
    mini.add_transform(far, volume)
    assert calls
    assert watch.check(prints)["liver"] == SliceChanges((), (1, 2, 3, 4))


def test_a_closed_watch_hears_nothing(mini, scene_case):
    volume, node, prints = scene_case
    calls = []
    watch = EditWatch(node, volume, lambda: calls.append("edited"))
    watch.close()
    edit(node, 0, np.s_[2, 1, 1])
    assert not calls
    watch = EditWatch(node, volume)
    mini.scene.RemoveNode(node)
    with pytest.raises(InputError, match="was removed from the scene"):
        watch.check(prints)
    watch.close()
