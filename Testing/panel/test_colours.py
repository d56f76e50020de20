"""The colours in the slice views, read back from what is drawn."""
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import numpy as np
import pytest
from flat_rows import rows_of


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


@pytest.fixture
def extremes(ranked):
    """The slice with the lowest and the one with the highest score of all."""
    order = ranked.session.results.all_slices("dice")
    low, high = (ranked.session.results.slice(key).predicted_dice for key in (order[0], order[-1]))
    assert low < 0.5 and high > 0.85
    return order[0], order[-1]


def test_poor_slices_are_red_and_good_ones_green(ranked, bed, extremes):
    red, green, blue = pixel(ranked, bed, extremes[0])
    assert red > green + 60 and red > blue + 60
    red, green, blue = pixel(ranked, bed, extremes[1])
    assert green > red and green > blue


def test_the_check_box_gives_the_users_own_colours_back(ranked, bed, extremes, masks):
    display = masks.GetDisplayNode()
    shown = pixel(ranked, bed, extremes[0])
    assert not any(display.GetSegmentVisibility2DFill(i) for i in rows_of(ranked.session.results))
    ranked.ui.showColoursCheckBox.checked = False
    bed.process_events()
    own = pixel(ranked, bed, extremes[0])
    assert np.abs(own - shown).max() > 30
    assert all(display.GetSegmentVisibility2DFill(i) for i in rows_of(ranked.session.results))
    ranked.ui.showColoursCheckBox.checked = True
    bed.wait_until(lambda: not ranked.runs.busy)
    assert np.abs(pixel(ranked, bed, extremes[0]) - shown).max() <= 2


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
    after = pixel(ranked, bed, key)
    assert before[0] - before[1] > after[0] - after[1], "less red, more green"


def test_the_safe_palette_has_no_green(ranked, bed, extremes):
    ranked.ui.paletteCombo.setCurrentIndex(1)
    bed.process_events()
    assert ranked.parameters.palette == "safe"
    red, _green, blue = pixel(ranked, bed, extremes[1])
    assert blue > red


def test_another_module_shows_the_users_own_colours_and_coming_back_the_scores(ranked, bed, masks):
    bed.select_module("")
    assert not ranked.colours.is_shown
    assert masks.GetDisplayNode().GetSegmentVisibility2DFill("spleen")
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
