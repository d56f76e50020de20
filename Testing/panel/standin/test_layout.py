"""Slice views: guide 6.3, 6.4, 17.3; slicer-core notes 7 and 8."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false, reportMissingModuleSource=false

import numpy as np
import pytest


def slice_logic(name="Red"):
    import slicer

    return slicer.app.layoutManager().sliceWidget(name).sliceLogic()


def test_pixels_show_the_ct_and_change_with_the_slice(bed, ct):
    first = bed.slice_pixels("Red")
    assert first.dtype == np.uint8 and first.shape[2] == 3 and len(np.unique(first)) > 50
    slice_logic().SetSliceOffset(slice_logic().GetSliceOffset() + 12)
    second = bed.slice_pixels("Red")
    assert (first != second).mean() > 0.05
    slice_logic().SetSliceOffset(slice_logic().GetSliceOffset() - 12)
    assert np.array_equal(bed.slice_pixels("Red"), first)


def test_a_segment_colours_the_pixel_at_its_world_position(bed, ct, segmentation):
    import slicer

    s = segmentation.GetSegmentation()
    ids = s.GetSegmentIDs()
    liver = max(ids, key=lambda i: slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, i, ct).sum())
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, liver, ct)
    k = int(np.argmax(mask.sum(axis=(1, 2))))
    j, i = np.argwhere(mask[k])[len(np.argwhere(mask[k])) // 2]
    to_ras = slicer.util.vtkMatrixFromArray(np.eye(4))
    ct.GetIJKToRASMatrix(to_ras)
    ras = to_ras.MultiplyPoint((i, j, k, 1))[:3]
    slicer.modules.markups.logic().JumpSlicesToLocation(*ras, True)
    assert slice_logic().GetSliceIndexFromOffset(slice_logic().GetSliceOffset(), ct) == k + 1  # 1-based
    display = segmentation.GetDisplayNode()
    display.SetOpacity2DFill(1.0)
    s.GetSegment(liver).SetColor(1.0, 0.0, 0.0)
    red, green, blue = bed.slice_pixel_at(ras)
    assert red > 250 and green < 5 and blue < 5
    display.SetVisibility(False)
    red, green, blue = bed.slice_pixel_at(ras)
    assert red == green == blue > 30  # the CT below, in grey


def test_a_position_outside_the_picture_is_refused(bed, ct):
    with pytest.raises(ValueError, match="outside the Red view"):
        bed.slice_pixel_at((9999.0, 0.0, 0.0))


def test_the_offset_slider_and_the_slice_move_together(bed, ct):
    import slicer

    slider = slicer.app.layoutManager().sliceWidget("Red").sliceController().sliceOffsetSlider()
    slice_logic().SetSliceOffset(140.0)
    assert slider.value == pytest.approx(140.0)
    slider.value = 150.0
    assert slice_logic().GetSliceOffset() == pytest.approx(150.0)


def test_a_strip_in_the_slice_bar_can_be_added_and_removed(bed, ct):
    import qt
    import slicer

    bar = slicer.app.layoutManager().sliceWidget("Red").sliceController().barLayout()
    count = bar.count()
    strip = qt.QLabel()
    strip.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
    bar.addWidget(strip)
    assert bar.count() == count + 1
    strip.setParent(None)
    strip.deleteLater()
    bed.process_events()
    assert bar.count() == count


def test_layout_numbers_show_views_and_signal(bed):
    import slicer

    manager, got = slicer.app.layoutManager(), []
    manager.connect("layoutChanged(int)", got.append)
    manager.setLayout(6)
    bed.process_events()
    assert manager.layout == 6 and got == [6]
    assert [manager.sliceWidget(n).visible for n in manager.sliceViewNames()] == [True, False, False]
    assert manager.sliceWidget("Purple") is None
    with pytest.raises(ValueError, match="not 999"):
        manager.setLayout(999)


def test_views_on_screen_are_redrawn_when_idle(bed, ct):
    import slicer

    view = slicer.app.layoutManager().sliceWidget("Red").sliceView()
    bed.process_events(0.1)
    before = view.grab().toImage()
    slice_logic().SetSliceOffset(slice_logic().GetSliceOffset() + 12)
    bed.process_events(0.2)
    assert view.grab().toImage() != before


def test_corner_text_is_drawn(bed, ct):
    import slicer
    import vtk

    before = bed.slice_pixels("Red")
    view = slicer.app.layoutManager().sliceWidget("Red").sliceView()
    annotation = view.cornerAnnotation()
    annotation.SetText(vtk.vtkCornerAnnotation.UpperRight, "Dice 0.62")
    view.scheduleRender()
    assert not np.array_equal(bed.slice_pixels("Red"), before)
    annotation.ClearAllTexts()
