"""parameterNodeWrapper: guide 2.3 and 17.3."""
# pyright: reportCallIssue=false
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false, reportMissingModuleSource=false

import enum
import pathlib
from typing import Annotated

import pytest


class Palette(enum.Enum):
    TRAFFIC = 1
    SAFE = 2


@pytest.fixture
def wrapped(bed):
    import slicer
    from slicer.parameterNodeWrapper import Choice, Default, WithinRange, parameterNodeWrapper

    @parameterNodeWrapper
    class Parameters:
        volume: slicer.vtkMRMLScalarVolumeNode
        threshold: Annotated[float, WithinRange(0, 1)] = 0.7
        count: int = 3
        show: bool = True
        note: str = "a"
        organ: Annotated[str, Choice(["liver", "spleen"])] = "liver"
        palette: Palette = Palette.SAFE
        organs: dict[str, str]
        slices: list[int]
        model: pathlib.Path
        limit: Annotated[int | None, Default(None)]

    return Parameters(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))


def widget(cls, parameter):
    made = cls()
    made.setProperty("SlicerParameterName", parameter)
    return made


class Ui:
    """Stands for the namespace of slicer.util.childWidgetVariables."""

    def __init__(self, **widgets):
        self.__dict__.update(widgets)


def test_defaults_are_written_into_the_node(wrapped):
    assert (wrapped.threshold, wrapped.count, wrapped.show, wrapped.note) == (0.7, 3, True, "a")
    assert wrapped.palette is Palette.SAFE and wrapped.organs == {} and wrapped.slices == []
    assert wrapped.volume is None and wrapped.limit is None
    assert wrapped.parameterNode.GetParameter("palette") == "SAFE"


def test_values_survive_in_the_node_for_another_wrapper(wrapped):
    import slicer

    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    wrapped.volume, wrapped.threshold, wrapped.model = volume, 0.25, pathlib.Path("/a/b c")
    wrapped.limit, wrapped.palette = 7, Palette.TRAFFIC
    again = type(wrapped)(wrapped.parameterNode)
    assert again.volume is volume and again.threshold == 0.25 and again.model == pathlib.Path("/a/b c")
    assert again.limit == 7 and again.palette is Palette.TRAFFIC


def test_containers_changed_in_place_are_stored(wrapped):
    wrapped.organs["S_1"] = "liver"
    wrapped.slices.append(4)
    wrapped.slices += [5]
    again = type(wrapped)(wrapped.parameterNode)
    assert again.organs == {"S_1": "liver"} and again.slices == [4, 5]


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("threshold", 1.5, ValueError),
        ("organ", "heart", ValueError),
        ("count", "3", TypeError),
        ("note", None, TypeError),
        ("organs", {"a": 1}, TypeError),
        ("palette", "SAFE", TypeError),
        ("treshold", 0.5, AttributeError),
    ],
)
def test_wrong_values_and_names_are_refused(wrapped, name, value, error):
    with pytest.raises(error):
        setattr(wrapped, name, value)


def test_another_kind_of_node_is_refused(wrapped):
    import slicer

    with pytest.raises(TypeError, match="vtkMRMLScalarVolumeNode"):
        wrapped.volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")


def test_widgets_and_parameters_follow_each_other(wrapped):
    import ctk
    import qt
    import slicer

    ui = Ui(
        slider=widget(ctk.ctkSliderWidget, "threshold"),
        box=widget(qt.QCheckBox, "show"),
        spin=widget(qt.QSpinBox, "count"),
        note=widget(qt.QLineEdit, "note"),
        selector=widget(slicer.qMRMLNodeComboBox, "volume"),
        palette=widget(qt.QComboBox, "palette"),
        path=widget(ctk.ctkPathLineEdit, "model"),
    )
    ui.selector.setMRMLScene(slicer.mrmlScene)
    tag = wrapped.connectGui(ui)
    assert ui.slider.value == 0.7 and ui.slider.maximum == 1.0 and ui.palette.currentText == "SAFE"
    ui.slider.value, ui.box.checked, ui.spin.value, ui.note.text = 0.3, False, 9, "b"
    ui.path.currentPath = "/weights"
    assert (wrapped.threshold, wrapped.show, wrapped.count, wrapped.note) == (0.3, False, 9, "b")
    assert wrapped.model == pathlib.Path("/weights")
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    wrapped.volume, wrapped.threshold, wrapped.palette = volume, 0.9, Palette.TRAFFIC
    assert ui.selector.currentNode() is volume and ui.slider.value == 0.9 and ui.palette.currentIndex == 0
    wrapped.disconnectGui(tag)
    ui.slider.value = 0.1
    assert wrapped.threshold == 0.9


def test_a_removed_node_leaves_selector_and_parameter_empty(wrapped):
    import slicer

    ui = Ui(selector=widget(slicer.qMRMLNodeComboBox, "volume"))
    ui.selector.noneEnabled = True
    ui.selector.setMRMLScene(slicer.mrmlScene)
    wrapped.connectGui(ui)
    wrapped.volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    slicer.mrmlScene.RemoveNode(wrapped.volume)
    assert ui.selector.currentNode() is None and wrapped.volume is None


def test_a_subclassed_widget_is_refused(wrapped):
    import qt

    class Box(qt.QCheckBox):
        pass

    with pytest.raises(RuntimeError, match="Box"):
        wrapped.connectGui(Ui(box=widget(Box, "show")))


def test_a_combo_box_for_a_plain_string_is_refused(wrapped):
    import qt

    with pytest.raises(RuntimeError, match="requires the Choice annotation"):
        wrapped.connectGui(Ui(box=widget(qt.QComboBox, "note")))


def test_a_choice_on_an_editable_combo_box_works_by_index_only(wrapped):
    import qt

    box = widget(qt.QComboBox, "organ")
    box.addItems(["old", "items"])
    box.editable = True
    wrapped.connectGui(Ui(box=box))
    assert [box.itemText(i) for i in range(box.count)] == ["liver", "spleen"]
    box.setCurrentText("garbage")
    assert wrapped.organ == "liver"
    box.setCurrentIndex(1)
    assert wrapped.organ == "spleen"


def test_a_dict_of_widgets_is_refused(wrapped):
    import qt

    with pytest.raises(AttributeError):
        wrapped.connectGui({"box": widget(qt.QCheckBox, "show")})


def test_an_unknown_parameter_name_on_a_widget_is_refused(wrapped):
    import qt

    with pytest.raises(ValueError, match="no parameter 'shwo'"):
        wrapped.connectGui(Ui(box=widget(qt.QCheckBox, "shwo")))


def test_a_slider_without_a_range_is_refused(wrapped):
    import ctk

    with pytest.raises(RuntimeError, match="WithinRange"):
        wrapped.connectGui(Ui(slider=widget(ctk.ctkSliderWidget, "count")))


def test_changes_can_be_observed_and_batched(wrapped):
    import slicer
    import vtk

    seen = []
    wrapped.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: seen.append(wrapped.count))
    with slicer.util.NodeModify(wrapped):
        wrapped.count = 4
        wrapped.count = 5
    assert seen == [5]


def test_a_type_that_cannot_be_stored_is_refused(bed):
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    with pytest.raises(TypeError, match="cannot have the type"):

        @parameterNodeWrapper
        class Bad:
            thing: object
