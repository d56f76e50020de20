"""The place that was found: marked in the views, kept in the Segment Editor, and taken over there."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import numpy as np
import pytest
from panel_views import paint_out

from SegAELib.mrml.binding import nodes_of_class
from SegAELib.mrml.nodes import OVERLAY_ATTRIBUTE


def overlays(word):
    import slicer

    nodes = nodes_of_class(slicer.mrmlScene, "vtkMRMLSegmentationNode")
    return [node for node in nodes if node.GetAttribute(OVERLAY_ATTRIBUTE) and word in node.GetName()]


def editor():
    import slicer

    return slicer.modules.segmenteditor.widgetRepresentation().self().editor


def bar_buttons():
    """Buttons that SegAE put into the panel of the Segment Editor, by their text."""
    import slicer

    panel = slicer.modules.segmenteditor.widgetRepresentation()
    return {button.text: button for button in panel.findChildren("QPushButton")}


def voxels(masks, ct):
    import slicer

    return slicer.util.arrayFromSegmentBinaryLabelmap(masks, "spleen", ct).astype(bool)


@pytest.fixture
def shown(loaded, dense, finish):
    """The spleen ranked with the dense model, and its errors shown."""
    loaded.parameters.model = str(dense)
    loaded.inputs.table.check_all(False)
    loaded.inputs.table._unchecked.discard("spleen")
    loaded.inputs._changed()
    loaded.ui.rankButton.click()
    finish(loaded)
    loaded.results.choose_segment("spleen")
    loaded.ui.whereButton.click()
    finish(loaded)
    assert loaded.context.found is not None
    return loaded


def test_the_segment_is_marked_and_the_user_s_own_display_stays_as_it_is(shown, masks):
    display = masks.GetDisplayNode()
    (node,) = overlays("place")
    own = node.GetDisplayNode()
    assert own.GetSliceIntersectionThickness() > display.GetSliceIntersectionThickness()
    assert own.GetSegmentVisibility2DOutline("segae_place")
    shown.ui.whereButton.click()
    assert overlays("place") == [] and overlays("errors") == []


def test_missing_and_extra_parts_are_shown_by_themselves(shown, finish):
    finish(shown)
    assert not shown.colours.is_shown and overlays("quality") == []
    shown.ui.whereButton.click()
    finish(shown)
    assert shown.colours.is_shown


def test_the_views_are_centred_on_the_place_with_their_zoom(shown, finish, bed):
    import slicer

    logic = slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetSliceNode()
    shown.ui.whereButton.click()
    logic.SetFieldOfView(80.0, 80.0 * logic.GetFieldOfView()[1] / logic.GetFieldOfView()[0], 1.0)
    field = logic.GetFieldOfView()
    shown.ui.whereButton.click()
    finish(shown)
    assert tuple(logic.GetFieldOfView())[:2] == pytest.approx(tuple(field)[:2])
    matrix = logic.GetSliceToRAS()
    centre = np.array([matrix.GetElement(row, 3) for row in range(3)])
    found = shown.context.found
    ijk = np.rint(np.linalg.inv(found.missing.grid.affine) @ np.append(centre, 1.0))[:3].astype(int)
    wrong = found.missing.full_mask() | found.extra.full_mask()
    rows, columns = np.nonzero(wrong[ijk[2]])
    assert len(rows), "the slice shown has something wrong in it"
    assert abs(rows.mean() - ijk[1]) < 40 and abs(columns.mean() - ijk[0]) < 40


def test_what_was_found_stays_in_the_segment_editor_and_goes_in_other_modules(shown, bed):
    shown.ui.editButton.click()
    bed.process_events()
    assert len(overlays("place")) == len(overlays("errors")) == 1
    assert {"Add the missing part", "Remove the extra part", "Back to SegAE (F4)"} <= bar_buttons().keys()
    bed.select_module("")
    assert overlays("place") == overlays("errors") == []
    assert "Add the missing part" not in bar_buttons()
    bed.select_module("SegAE")


@pytest.mark.parametrize(
    ("title", "key"), [("Add the missing part", "missing"), ("Remove the extra part", "extra")]
)
def test_a_part_is_taken_over_in_the_editor_and_undone_there(shown, bed, masks, ct, title, key):
    found, before = shown.context.found, voxels(masks, ct)
    part = getattr(found, key).full_mask()
    assert part.any()
    shown.ui.editButton.click()
    bar_buttons()[title].click()
    expected = before | part if key == "missing" else before & ~part
    assert np.array_equal(voxels(masks, ct), expected)
    assert getattr(shown.context.found, key).is_empty and not bar_buttons()[title].enabled
    assert len(overlays("errors")) == 1, "the other part stays in view"
    editor().undo()
    assert np.array_equal(voxels(masks, ct), before)


def test_a_part_is_taken_over_after_everything_was_erased(shown, masks, ct):
    missing = shown.context.found.missing.full_mask()
    shown.ui.editButton.click()
    paint_out(masks, "spleen", ct, range(30), keep=0)
    bar_buttons()["Add the missing part"].click()
    assert np.array_equal(voxels(masks, ct), missing)
    assert len(overlays("place")) == 1


def test_only_the_slice_that_is_shown_can_be_changed(shown, bed, masks, ct):
    import slicer

    before, extra = voxels(masks, ct), shown.context.found.extra.full_mask()
    index = int(np.flatnonzero(extra.any(axis=(1, 2)))[0])
    shown.ui.editButton.click()
    x, y, z = shown.session.grid.world(np.array([60.0, 50.0, index])).tolist()
    for node in nodes_of_class(slicer.mrmlScene, "vtkMRMLSliceNode"):
        node.JumpSliceByOffsetting(x, y, z)
    panel = slicer.modules.segmenteditor.widgetRepresentation()
    next(box for box in panel.findChildren("QCheckBox") if "slice shown" in box.text).checked = True
    bar_buttons()["Remove the extra part"].click()
    changed = before & ~voxels(masks, ct)
    assert np.array_equal(changed[index], before[index] & extra[index])
    assert not np.delete(changed, index, axis=0).any()


def test_one_key_goes_back_and_what_was_edited_is_scored_again(shown, bed, finish, masks, ct):
    import slicer
    from PySide6.QtCore import Qt

    old = {row.slice: row.raw_score for row in shown.session.results.slices("spleen")}
    edited = sorted(old)[3:5]
    shown.ui.editButton.click()
    paint_out(masks, "spleen", ct, edited)
    bed.press(bed.main_window, Qt.Key.Key_F4)
    assert slicer.util.selectedModule() == "SegAE"
    finish(shown)
    assert not shown.session.results.changes
    new = {row.slice: row.raw_score for row in shown.session.results.slices("spleen")}
    assert {index for index in old if new.get(index) != old[index]} >= set(edited)
    assert overlays("place") == [], "what was found was about the mask before"
    assert "Add the missing part" not in bar_buttons()


def test_the_surface_is_shown_in_3d_while_the_errors_are(shown, finish):
    import slicer

    def models():
        nodes = nodes_of_class(slicer.mrmlScene, "vtkMRMLModelNode")
        return sum("predicted errors" in node.GetName() for node in nodes)

    finish(shown)
    assert models() == 0 and shown.ui.surfaceCheckBox.visible
    shown.ui.surfaceCheckBox.checked = True
    finish(shown)
    assert shown.surface.is_shown and models() == 1
    shown.ui.whereButton.click()
    assert models() == 0 and not shown.ui.surfaceCheckBox.visible
