"""Slice colours over the user's segments, checked on rendered pixels."""

from __future__ import annotations

import numpy as np
import pytest

from segae.errors import InputError
from segae.report.style import COLOURS
from SegAELib.mrml.binding import BINARY_LABELMAP, nodes_of_class
from SegAELib.mrml.matrices import ijk_to_node, volume_grid
from SegAELib.mrml.nodes import OVERLAY_ATTRIBUTE
from SegAELib.mrml.quality_overlay import QualityOverlay, hide_fill, restore_fills
from SegAELib.mrml.scene_reader import read_segments
from SegAELib.mrml.slice_navigation import jump_to

POOR, WEAK, FAIR, GOOD = 0.2, 0.6, 0.8, 0.95
SCORES = {20: POOR, 21: WEAK, 22: FAIR, 23: GOOD}  # slices of the liver in the bundled case
LIVER = 5


@pytest.fixture
def case(mini, axial_view, sample_labels):
    """The bundled CT and three of its organs, in a view that was there before, as in Slicer."""
    volume = mini.load_ct()
    names = {3: "kidney", LIVER: "liver", 6: "stomach"}
    labels = np.where(np.isin(sample_labels, list(names)), sample_labels, 0)
    node = mini.add_segmentation([(labels, ijk_to_node(volume), names)], volume)
    segmentation = node.GetSegmentation()
    segmentation.GetSegment("liver").SetColor(0.2, 0.2, 1.0)
    segmentation.GetSegment("stomach").SetColor(0.9, 0.2, 0.9)
    axial_view.show(volume)
    return volume, node, read_segments(node, volume)


def nearest_band(pixel: np.ndarray) -> int:
    """The band (0 worst to 3 best) of the "traffic" palette whose hue is nearest to a pixel's."""

    def hue(rgb: np.ndarray) -> np.ndarray:
        grey_free = rgb - rgb.min()
        return grey_free / max(grey_free.max(), 1)

    colours = [np.array(list(bytes.fromhex(c[1:]))) for c in COLOURS["traffic"]]
    return int(np.argmin([np.abs(hue(pixel) - hue(colour)).sum() for colour in colours]))


def place_in(segment, k: int) -> tuple[float, float, float]:
    """A voxel deep inside a segment in slice k, in the world."""
    mask = segment.full_mask()[k]
    inside = mask.copy()
    for shift in (1, -1, 2, -2):
        inside &= np.roll(mask, shift, 0) & np.roll(mask, shift, 1)
    j, i = np.argwhere(inside)[inside.sum() // 2]
    x, y, z = segment.grid.world(np.array([i, j, k]))
    return (float(x), float(y), float(z))


def pictures(mini, view, segment, slices) -> dict[int, np.ndarray]:
    """The whole view at each slice."""
    found = {}
    for k in slices:
        jump_to(mini.scene, segment.grid.world(np.array([0, 0, k])))
        found[k] = view.grab()
    return found


def test_poor_slices_turn_red_weak_ones_orange_and_better_ones_stay_as_they_are(mini, axial_view, case):
    volume, node, segments = case
    node.GetDisplayNode().SetVisibility2DFill(False)  # a fill shines through weak ones
    before = pictures(mini, axial_view, segments["liver"], SCORES)
    overlay = QualityOverlay(node, volume, segments, axis=0)
    overlay.paint({"liver": (segments["liver"], SCORES)})
    for k, score in SCORES.items():
        position = place_in(segments["liver"], k)
        jump_to(mini.scene, position)
        if score < 0.7:
            assert nearest_band(axial_view.pixel(position)) == {POOR: 0, WEAK: 1}[score], k
        else:
            np.testing.assert_array_equal(axial_view.grab(), before[k])
    jump_to(mini.scene, place_in(segments["liver"], 20))
    red, green, blue = axial_view.pixel(place_in(segments["liver"], 20))
    assert red > 150 and red > 2 * green and red > 2 * blue


def test_other_slices_and_segments_stay_as_they_were_and_all_is_back_after_removal(mini, axial_view, case):
    volume, node, segments = case
    scored, without_kidney = (10, 11), (23, 26, 29)
    kidney = segments["kidney"].full_mask()
    assert kidney[list(scored)].any(axis=(1, 2)).all() and not kidney[list(without_kidney)].any()
    slices = scored + without_kidney
    before = pictures(mini, axial_view, segments["kidney"], slices)
    stomach = place_in(segments["stomach"], 10)
    jump_to(mini.scene, stomach)
    stomach_before = axial_view.pixel(stomach)
    assert stomach_before[0] > stomach_before[1] + 30  # magenta
    window = volume.GetDisplayNode().GetWindow(), volume.GetDisplayNode().GetLevel()
    layers = axial_view.logic.GetSliceCompositeNode()
    overlay = QualityOverlay(node, volume, segments, axis=0)
    overlay.paint({"kidney": (segments["kidney"], {10: POOR, 11: WEAK})})
    during = pictures(mini, axial_view, segments["kidney"], slices)
    for k in without_kidney:
        np.testing.assert_array_equal(during[k], before[k])
    for k in scored:
        assert (during[k] != before[k]).any()
    jump_to(mini.scene, stomach)
    np.testing.assert_array_equal(axial_view.pixel(stomach), stomach_before)
    assert (volume.GetDisplayNode().GetWindow(), volume.GetDisplayNode().GetLevel()) == window
    assert layers.GetBackgroundVolumeID() == volume.GetID()
    assert layers.GetForegroundVolumeID() is None and layers.GetLabelVolumeID() is None
    assert node.GetSegmentation().GetSegment("liver").GetColor() == (0.2, 0.2, 1.0)
    overlay.remove()
    after = pictures(mini, axial_view, segments["kidney"], slices)
    for k in slices:
        np.testing.assert_array_equal(after[k], before[k])


def test_moving_the_threshold_recolours_without_new_scores(mini, axial_view, case):
    volume, node, segments = case
    node.GetDisplayNode().SetVisibility2DFill(False)
    overlay = QualityOverlay(node, volume, segments, axis=0)
    overlay.paint({"liver": (segments["liver"], SCORES)})
    position = place_in(segments["liver"], 22)  # 0.8
    jump_to(mini.scene, position)
    own = axial_view.pixel(position)
    overlay.set_threshold(0.9)
    assert nearest_band(axial_view.pixel(position)) == 1
    overlay.set_threshold(0.3)
    np.testing.assert_array_equal(axial_view.pixel(position), own)
    assert overlay.legend[2].low == 0.3
    names = [overlay.node.GetSegmentation().GetNthSegment(n).GetName() for n in range(4)]
    assert names == [entry.text for entry in overlay.legend]


def test_opacity_and_palette_change_the_pixels_only(mini, axial_view, case):
    volume, node, segments = case
    overlay = QualityOverlay(node, volume, segments, axis=0, opacity=1.0)
    overlay.paint({"liver": (segments["liver"], SCORES)})
    position = place_in(segments["liver"], 20)
    jump_to(mini.scene, position)
    strong = axial_view.pixel(position)
    np.testing.assert_allclose(strong, [0xE8, 0x32, 0x2B], atol=2)
    overlay.set_palette("safe")
    np.testing.assert_allclose(axial_view.pixel(position), [0xD5, 0x5E, 0x00], atol=2)
    overlay.set_palette("traffic")
    overlay.set_opacity(0.0)
    red, _green, blue = axial_view.pixel(position)
    assert blue > red + 50, "the user's own blue"
    with pytest.raises(InputError, match="no palette"):
        overlay.set_palette("rainbow")  # type: ignore[arg-type]


def test_one_shared_layer_hidden_from_lists_and_not_saved(mini, case, tmp_path):
    volume, node, segments = case
    overlay = QualityOverlay(node, volume, segments, axis=0)
    overlay.paint({"liver": (segments["liver"], SCORES)})
    assert overlay.node.GetSegmentation().GetNumberOfLayers(BINARY_LABELMAP) == 1
    assert overlay.node.GetHideFromEditors() and not overlay.node.GetSaveWithScene()
    path = tmp_path / "scene.mrml"
    assert mini.scene.Commit(str(path))
    assert "quality" not in path.read_text() and "segae_poor" not in path.read_text()
    overlay.keep_with_scene(True)
    assert mini.scene.Commit(str(path))
    assert "Organs quality" in path.read_text()


def test_nothing_is_left_in_the_scene_after_removal(mini, case):
    volume, node, segments = case
    before = nodes_of_class(mini.scene, "vtkMRMLNode")
    overlay = QualityOverlay(node, volume, segments, axis=0)
    overlay.paint({"liver": (segments["liver"], SCORES)})
    overlay.remove()
    overlay.remove()
    assert nodes_of_class(mini.scene, "vtkMRMLNode") == before and not overlay.is_alive


def test_the_users_nodes_are_not_changed(mini, case):
    volume, node, segments = case
    parts = (node, node.GetDisplayNode(), node.GetSegmentation())
    before = [part.GetMTime() for part in parts]
    overlay = QualityOverlay(node, volume, segments, axis=0)
    overlay.paint({"liver": (segments["liver"], SCORES)})
    overlay.set_threshold(0.5)
    overlay.remove()
    assert [part.GetMTime() for part in parts] == before


def test_a_hidden_fill_is_known_in_the_saved_scene_and_comes_back(mini, case, tmp_path):
    _volume, node, _segments = case
    display = node.GetDisplayNode()
    hide_fill(node)
    hide_fill(node)
    assert not display.GetVisibility2DFill() and display.GetVisibility2DOutline()
    path = tmp_path / "scene.mrml"
    assert mini.scene.Commit(str(path))
    restore_fills(mini.scene)
    assert display.GetVisibility2DFill()
    display.SetVisibility2DFill(False)  # by the user
    hide_fill(node)
    restore_fills(mini.scene)
    assert not display.GetVisibility2DFill()
    mini.scene.SetURL(str(path))
    mini.scene.Connect()
    loaded = mini.scene.GetFirstNodeByClass("vtkMRMLSegmentationDisplayNode")
    assert not loaded.GetVisibility2DFill()
    restore_fills(mini.scene)
    assert loaded.GetVisibility2DFill()


def test_hidden_with_the_eye_of_its_segment_or_of_all_the_colours_are_gone(mini, axial_view, case):
    volume, node, segments = case
    display = node.GetDisplayNode()
    display.SetVisibility2DFill(False)
    overlay = QualityOverlay(node, volume, segments, axis=0)
    overlay.paint({"liver": (segments["liver"], SCORES)})
    position = place_in(segments["liver"], 20)
    jump_to(mini.scene, position)
    shown = axial_view.pixel(position)
    for hide in (lambda on: display.SetSegmentVisibility("liver", on), display.SetVisibility):
        hide(False)
        red, green, _blue = axial_view.pixel(position)
        assert abs(int(red) - int(green)) <= 2, "the grey CT alone"
        overlay.paint({"liver": (segments["liver"], SCORES)})
        red, green, _blue = axial_view.pixel(position)
        assert abs(int(red) - int(green)) <= 2, "painted while hidden"
        hide(True)
        np.testing.assert_array_equal(axial_view.pixel(position), shown)


def test_saved_colours_give_way_to_new_ones(mini, case):
    volume, node, segments = case
    first = QualityOverlay(node, volume, segments, axis=0)
    first.keep_with_scene(True)
    second = QualityOverlay(node, volume, segments, axis=0)
    assert not first.is_alive and second.is_alive
    assert len(nodes_of_class(mini.scene, "vtkMRMLSegmentationNode")) == 2
    assert len(nodes_of_class(mini.scene, "vtkMRMLSegmentationDisplayNode")) == 2


def test_the_colours_follow_a_transformed_volume(mini, axial_view, case):
    volume, node, _ = case
    move = np.eye(4)
    move[:3, 3] = (15, -9, 40)
    mini.add_transform(move, volume, node)
    segments = read_segments(node, volume)
    np.testing.assert_allclose(segments["liver"].grid.affine, volume_grid(volume).affine)
    overlay = QualityOverlay(node, volume, segments, axis=0)
    overlay.paint({"liver": (segments["liver"], SCORES)})
    axial_view.show(volume)
    position = place_in(segments["liver"], 20)
    jump_to(mini.scene, position)
    assert nearest_band(axial_view.pixel(position)) == 0


def test_an_edited_segment_is_painted_anew_even_where_it_grew(mini, axial_view, case):
    volume, node, segments = case
    overlay = QualityOverlay(node, volume, {"liver": segments["liver"]}, axis=0)
    overlay.paint({"liver": (segments["liver"], SCORES)})
    everything = read_segments(mini.add_segmentation(
        [(np.ones(volume_grid(volume).shape, np.uint8), ijk_to_node(volume), {1: "all"})], volume, name="All"
    ), volume)["all"]  # fmt: skip
    overlay.paint({"liver": (everything, {20: POOR})})
    voxels = read_overlay(overlay, volume)
    assert (voxels[20] == 1).all() and not voxels[21].any()


def read_overlay(overlay: QualityOverlay, volume) -> np.ndarray:
    """Bins 1..4 on the volume's grid, read as any other segmentation is."""
    overlay.node.RemoveAttribute(OVERLAY_ATTRIBUTE)
    whole = np.zeros(volume_grid(volume).shape, np.uint8)
    for value, segment in enumerate(read_segments(overlay.node, volume).values(), start=1):
        whole[segment.full_mask()] = value
    return whole


def test_the_colours_survive_that_their_node_or_the_scene_goes(mini, case):
    volume, node, segments = case
    overlay = QualityOverlay(node, volume, segments, axis=0)
    mini.scene.RemoveNode(overlay.node)
    overlay.paint({"liver": (segments["liver"], SCORES)})
    overlay.set_threshold(0.6)
    overlay.keep_with_scene(True)
    overlay.remove()
    overlay = QualityOverlay(node, volume, segments, axis=0)
    mini.scene.Clear(0)
    overlay.set_opacity(0.5)
    overlay.remove()
    assert not nodes_of_class(mini.scene, "vtkMRMLSegmentationNode")


def test_masks_of_another_volume_are_refused(mini, case):
    _, node, segments = case
    other = mini.add_volume(np.zeros((3, 4, 5), np.int16), np.eye(4), "Other")
    with pytest.raises(InputError, match='were not read on "Other"; score it again'):
        QualityOverlay(node, other, segments, axis=0)
