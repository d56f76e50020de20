"""Loading .ui files: guide 2.2 and 16."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false, reportMissingModuleSource=false

from pathlib import Path

import pytest

FRAME = """<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0"><class>Root</class>
<widget class="qMRMLWidget" name="Root"><layout class="QVBoxLayout" name="l">{items}</layout></widget>
<connections>{connections}</connections></ui>"""
SCENE = (
    "<connection><sender>Root</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>"
    "<receiver>{0}</receiver><slot>{1}</slot></connection>"
)


@pytest.fixture
def load(bed, tmp_path):
    import slicer

    def load_text(items: str, connections: str = ""):
        path: Path = tmp_path / "panel.ui"
        path.write_text(FRAME.format(items=items, connections=connections), encoding="utf-8")
        return slicer.util.loadUI(str(path))

    return load_text


def item(cls: str, name: str, inside: str = "") -> str:
    return f'<item><widget class="{cls}" name="{name}">{inside}</widget></item>'


def test_custom_widgets_are_stand_ins_and_the_scene_reaches_them(load):
    import slicer

    kind = "<stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist>"
    kinds = f"<property name='nodeTypes'>{kind}</property>"
    root = load(
        item("qMRMLNodeComboBox", "selector", kinds), SCENE.format("selector", "setMRMLScene(vtkMRMLScene*)")
    )
    ui = slicer.util.childWidgetVariables(root)
    root.setMRMLScene(slicer.mrmlScene)
    assert type(ui.selector) is slicer.qMRMLNodeComboBox and ui.selector.mrmlScene() is slicer.mrmlScene
    assert ui.selector.nodeTypes == ("vtkMRMLScalarVolumeNode",)
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    assert ui.selector.currentNode() is volume


def test_plain_qt_connections_and_dynamic_properties_work(load):
    import slicer

    dynamic = '<property name="SlicerParameterName" stdset="0"><string>showAll</string></property>'
    toggle = (
        "<connection><sender>box</sender><signal>toggled(bool)</signal>"
        "<receiver>text</receiver><slot>setEnabled(bool)</slot></connection>"
    )
    root = load(item("QCheckBox", "box", dynamic) + item("QLineEdit", "text"), toggle)
    ui = slicer.util.childWidgetVariables(root)
    ui.box.checked = True
    ui.box.checked = False
    assert ui.text.enabled is False and ui.box.SlicerParameterName == "showAll"


@pytest.mark.parametrize(
    ("items", "connections", "message"),
    [
        (item("qMRMLNoSuchWidget", "x"), "", "no stand-in for widget class qMRMLNoSuchWidget"),
        (
            item("QLabel", "x", "<property name='txt'><string>a</string></property>"),
            "",
            "has no property txt",
        ),
        (
            item("qMRMLNodeComboBox", "x", "<property name='nonEnabled'><bool>true</bool></property>"),
            "",
            "has no property nonEnabled",
        ),
        (item("QLabel", "x"), SCENE.format("x", "setMRMLScene(vtkMRMLScene*)"), "no slot setMRMLScene"),
        (item("QLabel", "x"), SCENE.format("y", "setText(QString)"), "names the object y"),
        (
            item("QLabel", "x"),
            SCENE.format("x", "clear()").replace("mrmlSceneChanged", "sceneChanged"),
            "has no signal sceneChanged",
        ),
    ],
)
def test_what_does_not_exist_is_refused(load, items, connections, message):
    with pytest.raises(RuntimeError, match=message):
        load(items, connections)


def test_a_missing_file_is_refused(bed):
    import slicer

    with pytest.raises(RuntimeError, match="file not found"):
        slicer.util.loadUI("/no/such/panel.ui")
