"""Node and segment widgets: guide 2.6, 17.2, 17 (more facts)."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false, reportMissingModuleSource=false

import pytest


@pytest.fixture
def selector(bed):
    import slicer

    made = slicer.qMRMLNodeComboBox()
    made.nodeTypes = ["vtkMRMLSegmentationNode"]
    made.noneEnabled = True
    made.setMRMLScene(slicer.mrmlScene)
    return made


def add(name):
    import slicer

    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)


def test_selector_follows_the_scene_and_signals_node_id_and_validity(selector):
    import slicer

    got = []
    selector.connect("currentNodeChanged(vtkMRMLNode*)", got.append)
    selector.connect("currentNodeChanged(bool)", got.append)
    selector.connect("currentNodeIDChanged(QString)", got.append)
    node = add("A")
    assert selector.nodeCount() == 1 and got == []
    selector.setCurrentNode(node)
    assert got == [node, True, node.GetID()] and selector.currentNodeID == node.GetID()
    slicer.mrmlScene.RemoveNode(node)
    assert got[3:] == [None, False, ""] and selector.nodeCount() == 0


def test_without_none_the_first_node_is_chosen(selector):
    selector.noneEnabled = False
    node = add("A")
    assert selector.currentNode() is node


def test_other_types_hidden_nodes_and_other_attributes_are_left_out(selector):
    import slicer

    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    plain, marked = add("A"), add("B")
    marked.SetAttribute("Kind", "mask")
    assert selector.nodeCount() == 2
    selector.addAttribute("vtkMRMLSegmentationNode", "Kind", "mask")
    assert selector.nodeCount() == 1 and selector.nodeFromIndex(0) is marked
    selector.removeAttribute("vtkMRMLSegmentationNode", "Kind")
    plain.SetHideFromEditors(True)
    assert selector.nodeCount() == 2  # does not notice by itself
    selector.sortFilterProxyModel().invalidate()
    assert selector.nodeCount() == 1


def test_hidden_node_ids_are_a_property_and_work_at_once(selector):
    node, _ = add("overlay"), add("B")
    selector.sortFilterProxyModel().hiddenNodeIDs = [node.GetID()]
    assert selector.nodeCount() == 1
    with pytest.raises(AttributeError):
        selector.sortFilterProxyModel().hiddenNodeId = [node.GetID()]


def test_a_scene_close_and_a_scene_without_nodes_leave_it_empty(selector):
    import slicer

    selector.setCurrentNode(add("A"))
    slicer.mrmlScene.Clear(0)
    assert selector.currentNode() is None and selector.nodeCount() == 0


def test_a_deleted_selector_does_not_hear_the_scene(bed, selector):
    import slicer

    selector.deleteLater()
    bed.process_events()
    add("later")
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1


def test_new_nodes_made_by_the_user(selector):
    import slicer

    selector.baseName = "Mask"
    added = []
    selector.connect("nodeAddedByUser(vtkMRMLNode*)", added.append)
    node = selector.addNode()
    assert added == [node] and node.GetName() == "Mask" and selector.currentNode() is node
    selector.removeCurrentNode()
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_segments_table_shows_follows_and_selects_by_id(bed, segmentation):
    import slicer

    s = segmentation.GetSegmentation()
    ids = s.GetSegmentIDs()
    table = slicer.qMRMLSegmentsTableView()
    table.setMRMLScene(slicer.mrmlScene)
    table.setSegmentationNode(segmentation)
    hits = []
    table.connect(
        "selectionChanged(QItemSelection,QItemSelection)", lambda *_: hits.append(table.selectedSegmentIDs())
    )
    table.setSelectedSegmentIDs(ids[2:4])
    assert table.segmentCount == 41 and table.selectedSegmentIDs() == tuple(ids[2:4]) == hits[-1]
    new = s.AddEmptySegment("extra", "extra")
    assert table.segmentCount == 42 and table.selectedSegmentIDs() == tuple(ids[2:4])
    assert table.segmentIDForRow(41) == new and table.rowForSegmentID("nonsense") == -1
    s.RemoveSegment(ids[2])
    assert table.selectedSegmentIDs() == (ids[3],)
    table.setSegmentationNode(None)
    assert table.segmentCount == 0
    with pytest.raises(ValueError, match="list of ids"):
        table.setSelectedSegmentIDs(ids[0])


def test_segment_selector_holds_segmentation_and_segment(bed, segmentation):
    import slicer

    ids = segmentation.GetSegmentation().GetSegmentIDs()
    selector = slicer.qMRMLSegmentSelectorWidget()
    selector.setMRMLScene(slicer.mrmlScene)
    got = []
    selector.connect("currentSegmentChanged(QString)", got.append)
    selector.setCurrentNode(segmentation)
    selector.setCurrentSegmentID(ids[5])
    assert selector.currentNode() is segmentation and selector.currentNodeID() == segmentation.GetID()
    assert selector.currentSegmentID() == ids[5] == got[-1]


def test_show_3d_button_makes_surfaces_and_shows_them(bed, segmentation):
    import slicer

    button = slicer.qMRMLSegmentationShow3DButton()
    button.setSegmentationNode(segmentation)
    segmentation.GetDisplayNode().SetVisibility3D(False)
    button.click()
    assert segmentation.GetDisplayNode().GetVisibility3D()
    assert segmentation.GetSegmentation().ContainsRepresentation("Closed surface")
    button.setSegmentationNode(None)
    assert button.enabled is False


def test_widgets_do_not_keep_themselves_alive(bed):
    import gc
    import weakref

    import ctk
    import slicer

    selector = slicer.qMRMLNodeComboBox()
    selector.setMRMLScene(slicer.mrmlScene)
    references = [
        weakref.ref(selector),
        weakref.ref(ctk.ctkSliderWidget()),
        weakref.ref(ctk.ctkPathLineEdit()),
    ]
    del selector
    gc.collect()
    assert [r() for r in references] == [None, None, None]


def test_plot_view_draws_the_chart_and_forwards_a_click(bed):
    """Guide 17.6: chart in the panel, layout untouched."""
    import numpy as np
    import qt
    import slicer
    import vtk

    scene = slicer.mrmlScene
    table = scene.AddNewNodeByClass("vtkMRMLTableNode")
    slicer.util.updateTableFromArray(
        table, np.column_stack([np.arange(9.0), np.linspace(0, 1, 9)]), ["z", "score"]
    )
    series = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", "liver")
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName("z")
    series.SetYColumnName("score")
    series.SetColor(1, 0, 0)
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode")
    chart.AddAndObservePlotSeriesNodeID(series.GetID())
    chart.SetYAxisRangeAuto(False)
    chart.SetYAxisRange(0, 1)
    view_node = scene.AddNewNodeByClass("vtkMRMLPlotViewNode")
    view_node.SetPlotChartNodeID(chart.GetID())
    view = slicer.qMRMLPlotView()
    view.setMRMLScene(scene)
    view.resize(300, 200)
    view.show()
    bed.process_events()
    view.setMRMLPlotViewNode(view_node)
    image = view.grab().toImage()
    colours = [qt.QColor(image.pixel(x, y)) for x in range(300) for y in range(200)]
    assert sum(c.red() > 200 and c.green() < 80 for c in colours) > 100
    assert slicer.app.layoutManager().layout == 3
    hits = []
    view.connect(
        "dataSelected(vtkStringArray*,vtkCollection*)", lambda ids, points: hits.append(ids.GetValue(0))
    )
    ids = vtk.vtkStringArray()
    ids.InsertNextValue(series.GetID())
    view.dataSelected.emit(ids, vtk.vtkCollection())
    assert hits == [series.GetID()]
    with pytest.raises(TypeError, match="vtkMRMLPlotViewNode"):
        view.setMRMLPlotViewNode(chart)
    view.close()
