"""The segment that is looked at, drawn over the user's segments, and edits by a part that was found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from segae.data import Segment
from segae.errors import InputError
from SegAELib.mrml.matrices import ijk_to_node
from SegAELib.mrml.part_edits import add_part, only_slice, remove_part, without
from SegAELib.mrml.place_overlay import LINE, PlaceOverlay
from SegAELib.mrml.scene_reader import read_masks
from SegAELib.mrml.slice_navigation import jump_to

LIVER, SPLEEN, SLICE = 5, 1, 20


@pytest.fixture
def case(mini, sample_labels):
    """The bundled CT with liver and spleen."""
    volume = mini.load_ct()
    labels = np.where(np.isin(sample_labels, (LIVER, SPLEEN)), sample_labels, 0)
    node = mini.add_segmentation([(labels, ijk_to_node(volume), {LIVER: "liver", SPLEEN: "spleen"})], volume)
    node.GetSegmentation().GetSegment("liver").SetColor(0.2, 0.9, 0.2)
    node.GetSegmentation().GetSegment("spleen").SetColor(0.9, 0.2, 0.2)
    return volume, node


def inner(node, volume, segment_id):
    """Index (k, j, i) of a voxel inside of a segment, as far from its border as there is in the slice."""
    mask = read_masks(node, volume, [segment_id])[segment_id].full_mask()
    depth = np.asarray(distance_transform_edt(mask[SLICE]))
    return np.array([SLICE, *np.unravel_index(np.argmax(depth), depth.shape)])


def colour_at(view, volume, place):
    from SegAELib.mrml.matrices import volume_grid

    x, y, z = volume_grid(volume).world(np.array(place[::-1], float)).tolist()
    jump_to(volume.GetScene(), (x, y, z))
    return np.array(view.pixel((x, y, z)), int)


def test_others_are_dimmed_and_the_segment_keeps_its_colour(case, axial_view):
    volume, node = case
    axial_view.show(volume)
    liver, spleen = inner(node, volume, "liver"), inner(node, volume, "spleen")
    before = {place: colour_at(axial_view, volume, at) for place, at in (("l", liver), ("s", spleen))}
    overlay = PlaceOverlay(node, volume, "liver")
    assert np.abs(colour_at(axial_view, volume, liver) - before["l"]).max() <= 3
    assert colour_at(axial_view, volume, spleen).sum() < 0.6 * before["s"].sum()
    overlay.remove()
    assert np.abs(colour_at(axial_view, volume, spleen) - before["s"]).max() <= 3


def test_the_outline_is_bold_and_the_node_is_hidden_and_not_saved(case):
    volume, node = case
    state = {i: node.GetDisplayNode().GetSegmentVisibility2DFill(i) for i in ("liver", "spleen")}
    overlay = PlaceOverlay(node, volume, "liver")
    display = overlay.node.GetDisplayNode()
    assert (
        display.GetSliceIntersectionThickness()
        == LINE
        > node.GetDisplayNode().GetSliceIntersectionThickness()
    )
    assert overlay.node.GetHideFromEditors() and not overlay.node.GetSaveWithScene()
    assert state == {i: node.GetDisplayNode().GetSegmentVisibility2DFill(i) for i in state}
    overlay.remove()
    overlay.remove()
    assert not overlay.is_alive


def test_of_a_segment_without_voxels_the_others_are_dimmed(case, axial_view):
    volume, node = case
    node.GetSegmentation().AddEmptySegment("empty", "empty")
    axial_view.show(volume)
    spleen = inner(node, volume, "spleen")
    before = colour_at(axial_view, volume, spleen)
    overlay = PlaceOverlay(node, volume, "empty")
    assert colour_at(axial_view, volume, spleen).sum() < 0.6 * before.sum()
    overlay.remove()


def test_a_segmentation_without_a_voxel_can_be_marked_too(mini):
    volume = mini.load_ct()
    nothing = np.zeros((30, 101, 122), np.uint8)
    node = mini.add_segmentation([(nothing, ijk_to_node(volume), {1: "empty"})], volume)
    overlay = PlaceOverlay(node, volume, "empty")
    assert overlay.is_alive
    overlay.remove()


@pytest.fixture
def part(case):
    """Liver voxels of its lower half in two slices, and as many beside it."""
    volume, node = case
    liver = read_masks(node, volume, ["liver"])["liver"]
    mask = liver.full_mask()
    taken = np.zeros_like(mask)
    taken[14:16] = mask[14:16]
    return Segment.from_mask("part", None, taken, liver.grid)


def voxels(node, volume, segment_id):
    return read_masks(node, volume, [segment_id])[segment_id].full_mask()


@pytest.mark.parametrize("moved", [False, True])
def test_a_part_is_taken_away_and_added_again_to_the_voxel(case, part, moved, mini):
    volume, node = case
    if moved:
        mini.add_transform(np.diag((-1.0, 1.0, 1.0, 1.0)), node, volume)  # so that they still fit
    before, other = voxels(node, volume, "liver"), voxels(node, volume, "spleen")
    assert remove_part(node, volume, "liver", part) == part.full_mask().sum()
    assert np.array_equal(voxels(node, volume, "liver"), before & ~part.full_mask())
    assert remove_part(node, volume, "liver", part) == 0, "nothing is left to take away"
    assert add_part(node, volume, "liver", part) == part.full_mask().sum()
    assert np.array_equal(voxels(node, volume, "liver"), before)
    assert np.array_equal(voxels(node, volume, "spleen"), other)


def test_a_part_can_be_cut_down_to_a_slice_and_by_another_part(part):
    one = only_slice(part, 0, 14)
    assert np.array_equal(one.full_mask()[14], part.full_mask()[14])
    assert not one.full_mask()[15].any()
    assert only_slice(part, 0, 3).is_empty
    assert np.array_equal(without(part, one).full_mask(), only_slice(part, 0, 15).full_mask())


def test_a_part_of_another_ct_is_refused(case, part, mini):
    _volume, node = case
    other = mini.add_volume(np.zeros((4, 5, 6), np.int16), np.eye(4), "other")
    with pytest.raises(InputError, match="does not lie on"):
        add_part(node, other, "liver", part)
