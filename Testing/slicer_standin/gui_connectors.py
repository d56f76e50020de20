"""Which widget shows which parameter type, and how (guide 2.3).

The widget's type must be exactly the one listed: a subclass is refused, as in Slicer.
"""

import enum
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

from PySide6 import QtWidgets

from .parameter_types import Choice, Decimals, Maximum, Minimum, ParameterType, SingleStep, WithinRange
from .widgets_ctk import ctkSliderWidget
from .widgets_ctk_choice import ctkDirectoryButton, ctkPathLineEdit
from .widgets_mrml import qMRMLNodeComboBox


class Connector(NamedTuple):
    """A widget bound to a parameter: read and write its value; `signal` tells that the user changed it."""

    widget: Any
    signal: str
    read: Callable[[], Any]
    write: Callable[[Any], None]


def connector(widget: Any, parameter: ParameterType) -> Connector:
    """How `widget` shows `parameter`.

    Raises:
        RuntimeError: this type of widget cannot show this type of parameter; the message is Slicer's in
        meaning.
    """
    kind = parameter.kind
    is_enum = isinstance(kind, type) and issubclass(kind, enum.Enum)
    if type(widget) is QtWidgets.QComboBox and (is_enum or kind in (int, float, str, bool)):
        return _combo_box(widget, parameter, is_enum)
    if type(widget) is qMRMLNodeComboBox and parameter.is_node:
        return _node_selector(widget, parameter)
    for cls, kinds, property_name, signal in _BY_PROPERTY:
        if type(widget) is cls and kind in kinds:
            _configure(widget, parameter)
            return _by_property(widget, kind, property_name, signal)
    raise RuntimeError(
        f"cannot connect the parameter type {kind} to a widget of type {type(widget).__name__}"
    )


_BY_PROPERTY = (
    (QtWidgets.QCheckBox, (bool,), "checked", "toggled(bool)"),
    (QtWidgets.QPushButton, (bool,), "checked", "toggled(bool)"),
    (QtWidgets.QSlider, (int,), "value", "valueChanged(int)"),
    (QtWidgets.QSpinBox, (int,), "value", "valueChanged(int)"),
    (QtWidgets.QDoubleSpinBox, (float, int), "value", "valueChanged(double)"),
    (ctkSliderWidget, (float, int), "value", "valueChanged(double)"),
    (QtWidgets.QLineEdit, (str,), "text", "textChanged(QString)"),
    (QtWidgets.QTextEdit, (str,), "plainText", "textChanged()"),
    (QtWidgets.QLabel, (str,), "text", ""),
    (ctkPathLineEdit, (pathlib.Path,), "currentPath", "currentPathChanged(QString)"),
    (ctkDirectoryButton, (pathlib.Path,), "directory", "directoryChanged(QString)"),
)


def _by_property(widget: Any, kind: Any, name: str, signal: str) -> Connector:
    def write(value: Any) -> None:
        setattr(widget, name, str(value) if isinstance(value, pathlib.Path) else value)

    return Connector(widget, signal, lambda: kind(getattr(widget, name)), write)


def _configure(widget: Any, parameter: ParameterType) -> None:
    """Range, step and decimals from the annotations; a push button becomes checkable."""
    if type(widget) is QtWidgets.QPushButton:
        widget.setCheckable(True)
    if parameter.kind not in (int, float):
        return
    number: Any = widget
    for cls, name in ((Decimals, "decimals"), (SingleStep, "singleStep")):
        if parameter.annotation(cls) is not None:
            setattr(number, name, parameter.annotation(cls).value)
    within = parameter.annotation(WithinRange)
    low, high = parameter.annotation(Minimum), parameter.annotation(Maximum)
    if within is not None:
        number.setRange(within.minimum, within.maximum)
    elif low is not None and high is not None:
        number.setRange(low.minimum, high.maximum)
    elif type(widget) in (ctkSliderWidget, QtWidgets.QSlider):
        raise RuntimeError(f"a {type(widget).__name__} needs a parameter with a range (WithinRange)")


def _combo_box(widget: Any, parameter: ParameterType, is_enum: bool) -> Connector:
    """By index into the choices, which replace the widget's items."""
    choice = parameter.annotation(Choice)
    if not is_enum and choice is None:
        raise RuntimeError("ComboBoxToStringableConnector requires the Choice annotation to be used")
    values = list(parameter.kind) if is_enum else list(choice.choices)
    widget.clear()
    widget.addItems([v.name if is_enum else str(v) for v in values])

    def write(value: Any) -> None:
        widget.currentIndex = values.index(value)  # ValueError for a value that is no choice

    return Connector(widget, "currentIndexChanged(int)", lambda: values[widget.currentIndex], write)


def _node_selector(widget: Any, parameter: ParameterType) -> Connector:
    """Also sets the selector's node types."""
    widget.nodeTypes = [c.__name__ for c in parameter.node_classes]
    return Connector(widget, "currentNodeChanged(vtkMRMLNode*)", widget.currentNode, widget.setCurrentNode)
