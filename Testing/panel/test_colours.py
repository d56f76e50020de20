"""The colours in the slice views, read back from what is drawn."""
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import numpy as np
import pytest


def inside(panel, segment_id, index):
    """World position (RAS mm) of a voxel well inside of a segment in one slice."""
    from scipy.ndimage import distance_transform_edt

    segment = panel.session.masks[segment_id]
    plane = segment.full_mask()[index]
    j, i = np.unravel_index(np.argmax(np.asarray(distance_transform_edt(plane))), plane.shape)
    return tuple(float(v) for v in segment.grid.world(np.array([i, j, index])))


def pixel(panel, bed, key):
    """RGB of the axial view inside of a segment, in the slice of `key`."""
    panel.context.go(key)
    bed.process_events()
    return np.array(bed.slice_pixel_at(inside(panel, *key)), int)


def own_pixel(panel, bed, key):
    """The same without SegAE's colours."""
    panel.parameters.showColours = False
    bed.process_events()
    found = pixel(panel, bed, key)
    panel.parameters.showColours = True
    bed.wait_until(lambda: not panel.runs.busy)
    return found


@pytest.fixture
def extremes(ranked):
    """The slice with the lowest and the one with the highest score of all."""
    order = ranked.session.results.all_slices("dice")
    low, high = (ranked.session.results.slice(key).predicted_dice for key in (order[0], order[-1]))
    assert low < 0.5 and high > 0.85
    return order[0], order[-1]


def test_poor_slices_are_red_and_good_ones_as_the_user_has_them(ranked, bed, extremes):
    red, green, blue = pixel(ranked, bed, extremes[0])
    assert red > green + 60 and red > blue + 60
    assert np.array_equal(pixel(ranked, bed, extremes[1]), own_pixel(ranked, bed, extremes[1]))


def test_the_views_are_drawn_when_scores_come_in_without_a_touch(loaded, bed, finish):
    """Nobody scrolls: a view is drawn only when something asks for it."""
    before = bed.slice_pixels()
    loaded.ui.rankButton.click()
    bed.wait_until(lambda: not np.array_equal(bed.slice_pixels(), before), 60)
    finish(loaded)
    drawn = bed.slice_pixels()
    assert np.array_equal(bed._view("Red").render(), drawn), "the last picture shows all of it"


def test_the_users_display_is_not_changed(loaded, bed, finish, masks):
    display = masks.GetDisplayNode()
    before = display.GetMTime()
    loaded.ui.rankButton.click()
    finish(loaded)
    loaded.ui.thresholdSlider.value = 0.5
    loaded.ui.paletteCombo.setCurrentIndex(1)
    loaded.ui.showColoursCheckBox.checked = False
    bed.process_events()
    assert display.GetMTime() == before


def test_the_check_box_takes_the_colours_away_and_brings_them_back(ranked, bed, extremes):
    shown = pixel(ranked, bed, extremes[0])
    ranked.ui.showColoursCheckBox.checked = False
    bed.process_events()
    assert np.abs(pixel(ranked, bed, extremes[0]) - shown).max() > 30
    ranked.ui.showColoursCheckBox.checked = True
    bed.wait_until(lambda: not ranked.runs.busy)
    bed.process_events()
    assert np.abs(np.array(bed.slice_pixel_at(inside(ranked, *extremes[0])), int) - shown).max() <= 2


def test_colours_come_back_after_a_scene_was_closed_while_they_were_being_painted(
    ranked, bed, finish, sample_dir, model
):
    """Once a paint was pending when the scene went, nothing was coloured for the rest of the session."""
    import slicer

    ranked.context.tasks.add("paint", lambda: None, after=60)
    slicer.mrmlScene.Clear(0)
    bed.process_events()
    ct = slicer.util.loadVolume(str(sample_dir / "ct.nii.gz"))
    masks = slicer.util.loadSegmentation(str(sample_dir / "segmentation.seg.nrrd"))
    for segment_id in masks.GetSegmentation().GetSegmentIDs():
        if segment_id not in ("spleen", "aorta"):
            masks.GetSegmentation().RemoveSegment(segment_id)
    ranked.parameters.model, ranked.parameters.device = str(model), "cpu"
    ranked.parameters.segmentation, ranked.parameters.volume = masks, ct
    ranked.ui.rankButton.click()
    finish(ranked)
    assert set(ranked.colours._painted) == {"spleen", "aorta"}


def test_hiding_other_fills_is_a_choice_that_is_undone_when_the_module_is_left(ranked, bed, masks):
    display = masks.GetDisplayNode()
    assert display.GetVisibility2DFill(), "off by default"
    ranked.ui.hideFillsCheckBox.checked = True
    bed.process_events()
    assert not display.GetVisibility2DFill() and display.GetVisibility2DOutline()
    bed.select_module("")
    assert display.GetVisibility2DFill()
    bed.select_module("SegAE")
    bed.wait_until(lambda: not ranked.runs.busy and not display.GetVisibility2DFill())
    ranked.ui.hideFillsCheckBox.checked = False
    bed.process_events()
    assert display.GetVisibility2DFill()


def test_fills_that_were_saved_hidden_come_back_when_the_scene_is_loaded(ranked, bed, tmp_path):
    """No event announces a save, so it is saved as it looks."""
    import slicer

    ranked.ui.hideFillsCheckBox.checked = True
    bed.process_events()
    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    bed.select_module("")
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(str(path))
    bed.process_events()
    displays = slicer.util.getNodesByClass("vtkMRMLSegmentationDisplayNode")
    assert len(displays) == 1 and displays[0].GetVisibility2DFill()


def test_an_eye_that_is_closed_takes_the_colours_along(ranked, bed, extremes, masks):
    key, display = extremes[0], masks.GetDisplayNode()
    shown = pixel(ranked, bed, key)
    for eye in (lambda on: display.SetSegmentVisibility(key[0], on), display.SetVisibility):
        eye(False)
        bed.process_events()
        hidden = np.array(bed.slice_pixel_at(inside(ranked, *key)), int)
        assert np.ptp(hidden) <= 2, "the grey CT alone"
        eye(True)
        bed.process_events()
        assert np.array_equal(bed.slice_pixel_at(inside(ranked, *key)), shown)


def test_slices_without_scores_and_the_users_layers_stay_as_they_are(loaded, bed, finish, ct, masks):
    """Scored is the gallbladder only: where it is not, nothing changes."""
    import slicer
    from PySide6.QtCore import Qt

    layers = slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetSliceCompositeNode()
    window = (ct.GetDisplayNode().GetWindow(), ct.GetDisplayNode().GetLevel())
    loaded.ui.checkNoneButton.click()
    rows = (loaded.ui.organTable.item(n, 0) for n in range(loaded.ui.organTable.rowCount))
    next(row for row in rows if row.text() == "gallbladder").setCheckState(Qt.CheckState.Checked)
    logic = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(masks, "gallbladder", ct)
    empty = int(np.flatnonzero(~mask.any(axis=(1, 2)))[0])
    offset = float(loaded.session.grid.world(np.array([0, 0, empty]))[2])
    logic.SetSliceOffset(offset)
    bed.process_events()
    before = bed.slice_pixels()
    loaded.ui.rankButton.click()
    finish(loaded)
    logic.SetSliceOffset(offset)
    bed.process_events()
    assert loaded.colours.is_shown
    assert np.array_equal(bed.slice_pixels(), before)
    assert layers.GetBackgroundVolumeID() == ct.GetID()
    assert not layers.GetForegroundVolumeID() and not layers.GetLabelVolumeID()
    assert (ct.GetDisplayNode().GetWindow(), ct.GetDisplayNode().GetLevel()) == window


def test_the_threshold_recolours_at_once(ranked, bed):
    results = ranked.session.results
    key = min(results.all_slices(), key=lambda key: abs(results.slice(key).predicted_dice - 0.6))
    before = pixel(ranked, bed, key)
    ranked.ui.thresholdSlider.value = 0.3
    bed.process_events()
    after = np.array(bed.slice_pixel_at(inside(ranked, *key)), int)
    assert np.array_equal(after, own_pixel(ranked, bed, key)) and not np.array_equal(after, before)


def test_the_safe_palette_is_drawn_at_once(ranked, bed, extremes):
    before = pixel(ranked, bed, extremes[0])
    ranked.ui.paletteCombo.setCurrentIndex(1)
    bed.process_events()
    assert ranked.parameters.palette == "safe"
    after = np.array(bed.slice_pixel_at(inside(ranked, *extremes[0])), int)
    assert after[2] < before[2] and after[1] > before[1], "from red to vermilion"


def test_another_module_shows_the_users_own_colours_and_coming_back_the_scores(ranked, bed):
    bed.select_module("")
    assert not ranked.colours.is_shown
    bed.select_module("SegAE")
    bed.wait_until(lambda: not ranked.runs.busy)
    assert ranked.colours.is_shown


def test_the_colours_are_saved_only_when_asked(ranked, bed, tmp_path):
    import slicer

    for keep, count in ((False, 1), (True, 2)):
        ranked.ui.keepColoursCheckBox.checked = keep
        bed.wait_until(lambda: not ranked.runs.busy)
        path = tmp_path / f"{keep}.mrml"
        slicer.mrmlScene.SetURL(str(path))
        slicer.mrmlScene.Commit()
        assert path.read_text().count("<Segmentation\n") + path.read_text().count("<Segmentation ") == count


def test_saved_colours_do_not_come_back_twice(ranked, bed, tmp_path):
    import slicer

    ranked.ui.keepColoursCheckBox.checked = True
    bed.wait_until(lambda: not ranked.runs.busy)
    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(str(path))
    bed.wait_until(lambda: ranked.colours.is_shown)
    bed.wait_until(lambda: not ranked.runs.busy)
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]
    assert sorted(names) == ["segmentation", "segmentation quality"]


def test_the_chart_shows_the_chosen_segment_and_leaves_the_layout_alone(ranked, bed):
    import slicer

    layout = slicer.app.layoutManager().layout
    ranked.results.choose_segment("aorta")
    ranked.ui.chartSection.collapsed = False
    bed.process_events()
    assert slicer.app.layoutManager().layout == layout
    table = ranked.chart._nodes[0]
    shown = [
        table.GetTable().GetValueByName(n, "predicted Dice").ToDouble()
        for n in range(table.GetNumberOfRows())
    ]
    assert shown == pytest.approx([row.predicted_dice for row in ranked.session.results.slices("aorta")])
    assert not table.GetSaveWithScene()
