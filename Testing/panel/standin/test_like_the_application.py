"""What a running Slicer was seen to do, where a simpler test bed would hide a mistake of a module."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

DEMO = Path(__file__).parent / "StandinDemo" / "StandinDemo.py"


@pytest.fixture
def shared_image(segmentation):
    """The labelmap of the segmentation, which all its segments share."""
    node = segmentation.GetSegmentation()
    return node.GetSegment(node.GetSegmentIDs()[0]).GetRepresentation("Binary labelmap")


def test_a_view_is_drawn_when_something_asks_for_it_and_not_when_it_is_looked_at(
    bed, segmentation, shared_image
):
    """A labelmap that says it was modified is not asked about by the slice views; a representation is."""
    import slicer
    from vtkmodules.util.numpy_support import vtk_to_numpy

    bed.process_events(0.1)
    before = bed.slice_pixels()
    vtk_to_numpy(shared_image.GetPointData().GetScalars())[:] = 0
    shared_image.Modified()
    bed.process_events(0.1)
    assert np.array_equal(bed.slice_pixels(), before)
    segmentation.GetSegmentation().InvokeEvent(slicer.vtkSegmentation.RepresentationModified)
    bed.process_events(0.1)
    assert not np.array_equal(bed.slice_pixels(), before)


def test_each_segment_has_an_item_in_the_subject_hierarchy(bed, segmentation):
    import vtk

    items = vtk.vtkIdList()
    hierarchy = bed.subject_hierarchy.node
    hierarchy.GetItemChildren(hierarchy.GetItemByDataNode(segmentation), items)
    names = {hierarchy.GetItemName(items.GetId(n)) for n in range(items.GetNumberOfIds())}
    content = segmentation.GetSegmentation()
    assert names == {content.GetSegment(i).GetName() for i in content.GetSegmentIDs()}
    content.GetNthSegment(0).SetName("renamed")
    assert hierarchy.GetItemName(items.GetId(0)) == "renamed"


def test_a_segmentation_that_was_hidden_before_it_was_added_is_complained_of(bed, guard):
    import slicer

    node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentationNode")
    node.UnRegister(None)
    node.SetHideFromEditors(True)
    slicer.mrmlScene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    assert guard.failures and all("Unable to find subject hierarchy item" in one for one in guard.failures)
    guard.failures.clear()


def test_deleting_a_segmentation_in_the_data_module_takes_its_segments_out_first(bed, segmentation):
    import slicer

    left = []
    segmentation.AddObserver(
        slicer.vtkSegmentation.SegmentRemoved,
        lambda *_: left.append(segmentation.GetSegmentation().GetNumberOfSegments()),
    )
    bed.subject_hierarchy.remove(segmentation)
    assert left and left[-1] == 0
    assert segmentation.GetScene() is None


def test_timers_fire_in_the_middle_of_an_import(bed, segmentation, tmp_path):
    import qt
    import slicer

    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    seen = []
    timer = qt.QTimer()
    timer.setInterval(0)
    timer.connect("timeout()", lambda: seen.append(bool(slicer.mrmlScene.IsImporting())))
    timer.start()
    slicer.util.loadScene(str(path))
    timer.stop()
    assert True in seen


def test_nothing_announces_a_save(bed, segmentation, tmp_path):
    import slicer

    scene, heard = slicer.mrmlScene, []
    tags = [
        scene.AddObserver(event, lambda *_: heard.append("save"))
        for event in (scene.StartSaveEvent, scene.EndSaveEvent)
    ]
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    for tag in tags:
        scene.RemoveObserver(tag)
    assert heard == []


def test_to_fit_a_plot_writes_the_range_of_the_data_into_the_chart(bed):
    import slicer

    scene = slicer.mrmlScene
    table = slicer.util.updateTableFromArray(None, [np.array([3.0, 9.0]), np.array([0.2, 0.4])], ["x", "y"])
    series, chart, view = (
        scene.AddNewNodeByClass(f"vtkMRMLPlot{kind}Node") for kind in ("Series", "Chart", "View")
    )
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName("x")
    series.SetYColumnName("y")
    chart.AddAndObservePlotSeriesNodeID(series.GetID())
    chart.SetYAxisRangeAuto(False)
    chart.SetYAxisRange(0, 1)
    view.SetPlotChartNodeID(chart.GetID())
    widget = slicer.qMRMLPlotView()
    widget.setMRMLScene(scene)
    widget.setMRMLPlotViewNode(view)
    widget.fitToContent()
    assert tuple(chart.GetXAxisRange()) == (3, 9) and tuple(chart.GetYAxisRange()) == pytest.approx(
        (0.2, 0.4)
    )


def test_the_module_panel_grows_with_a_long_text_and_stays_wide(bed, ct):
    import qt

    panel = bed.load_module(DEMO)
    area = bed.module_panel
    label = qt.QLabel()
    panel.layout.addWidget(label)
    bed.process_events(0.05)
    before = area.minimumWidth
    label.text = "word " * 100
    bed.process_events(0.05)
    wide = area.minimumWidth
    label.text = ""
    bed.process_events(0.05)
    assert wide > 2 * before and area.minimumWidth == wide
