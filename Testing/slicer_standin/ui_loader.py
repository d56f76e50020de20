# ruff: noqa: N802, N803 (the names are Slicer's and Qt's)
"""Loads .ui files with stand-ins for the custom widgets, and refuses what QUiLoader would swallow.

QUiLoader makes a plain QWidget of a class it does not know, without a word (guide section 16), and turns a
misspelt property into a dynamic one. Connections whose arguments are MRML types are unknown to PySide6, so
all connections of the file are made here, by the rules of signals.py.
"""

import xml.etree.ElementTree as ET
from typing import Any

from PySide6 import QtCore, QtUiTools, QtWidgets

from .pythonqt import native, properties
from .signals import CONNECTIONS


class UiError(RuntimeError):
    """The .ui file names something that does not exist."""


def make_loader_class(custom: dict[str, type]) -> type:
    """QUiLoader that knows the `custom` widget classes (class name -> class)."""
    return type("QUiLoader", (UiLoader,), {"_custom": custom})


class UiLoader(QtUiTools.QUiLoader):
    """One .ui file at a time; see the module's text for what it refuses."""

    _custom: dict[str, type] = {}  # noqa: RUF012  filled by make_loader_class

    def createWidget(self, className: str, parent: Any = None, name: str = "") -> Any:
        """Called by Qt for each <widget>."""
        cls = self._custom.get(className)
        if cls is not None:
            widget: Any = cls(parent)
            widget.setObjectName(name)
            return widget
        if className not in native(self, "availableWidgets")():
            raise UiError(f"no stand-in for widget class {className} (object {name})")
        return super().createWidget(className, parent, name)

    def load(self, device: Any, parentWidget: Any = None) -> QtWidgets.QWidget:
        """The widget tree described by the open QFile `device`.

        Raises:
            UiError: unknown widget class, property, signal, slot or object.
        """
        root = ET.fromstring(bytes(device.readAll().data()))
        device.close()
        connections = list(root.iter("connection"))
        for element in root.findall("connections"):
            root.remove(element)
        self._refuse_unknown_classes(root)
        buffer = QtCore.QBuffer()
        buffer.setData(QtCore.QByteArray(ET.tostring(root)))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        widget = super().load(buffer, parentWidget)
        _refuse_unknown_properties(root, widget)
        for connection in connections:
            _connect(widget, *(connection.findtext(k, "") for k in ("sender", "signal", "receiver", "slot")))
        return widget

    def _refuse_unknown_classes(self, root: ET.Element) -> None:
        # beforehand, since an exception inside createWidget would only be printed
        known = {*self._custom, *native(self, "availableWidgets")()}
        for element in root.iter("widget"):
            if element.get("class") not in known:
                raise UiError(
                    f"no stand-in for widget class {element.get('class')} (object {element.get('name')})"
                )


def _find(root: QtWidgets.QWidget, name: str) -> Any:
    if native(root, "objectName")() == name:
        return root
    found = native(root, "findChild")(QtCore.QObject, name)
    if found is None:
        raise UiError(f"a connection of the .ui file names the object {name}, which is not in the file")
    return found


def _refuse_unknown_properties(root: ET.Element, widget: QtWidgets.QWidget) -> None:
    for element in root.iter("widget"):
        if element.get("class") == "Line":  # Designer's own name for a QFrame, with an orientation
            continue
        built = _find(widget, element.get("name", ""))
        for prop in element.findall("property"):
            name = prop.get("name", "")
            if prop.get("stdset") != "0" and name not in properties(built):
                raise UiError(f"{element.get('class')} {element.get('name')} has no property {name}")


def _connect(root: QtWidgets.QWidget, sender: str, signal: str, receiver: str, slot: str) -> None:
    target = _find(root, receiver)
    if not hasattr(target, slot.partition("(")[0]):
        raise UiError(f"{receiver} has no slot {slot}")
    try:
        CONNECTIONS.connect(_find(root, sender), signal, target, slot)
    except ValueError as problem:
        raise UiError(f"object {sender}: {problem}") from problem
