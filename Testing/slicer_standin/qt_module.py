"""The modules `qt` and `ctk` as a scripted module imports them.

`qt` holds every class of QtCore, QtGui, QtWidgets and the UI loader in one flat namespace, as PythonQt's
does. What a scripted module should not rely on in Slicer is refused: own signals (``qt.Signal`` crashed
applications, guide section 10), QtTest (absent, section 16) and everything that left Qt 6.
"""

import sys
import types
from typing import Any

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

from .pythonqt import as_pythonqt

_SOURCES = (QtWidgets, QtGui, QtCore, QtUiTools)
_REFUSED = {
    "Signal": "declaring signals in Python crashes Slicer now and then: use plain callbacks",
    "Slot": "PythonQt has no Slot decorator",
    "Property": "PythonQt has no Property",
    "QtCore": "PythonQt's qt is flat",
    "QtWidgets": "PythonQt's qt is flat",
}


class QtModule(types.ModuleType):
    """Flat Qt namespace; a name is looked up when it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        if name in _REFUSED:
            raise AttributeError(f"qt.{name}: {_REFUSED[name]}")
        for source in _SOURCES:
            if hasattr(source, name):
                value = getattr(source, name)
                setattr(self, name, value)
                return value
        raise AttributeError(f"module 'qt' has no attribute {name!r}")


class CtkModule(types.ModuleType):
    """The ctk widgets that have a stand-in."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the test bed has no stand-in for ctk.{name}")


def _first_result(function: Any) -> Any:
    """`function` without the filter that PySide6 returns beside the answer."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        return as_pythonqt(function(*arguments, **keywords)[0])

    return staticmethod(call)


def _file_dialog() -> type:
    dialog = QtWidgets.QFileDialog
    names = ("getOpenFileName", "getOpenFileNames", "getSaveFileName")
    return type("QFileDialog", (dialog,), {name: _first_result(getattr(dialog, name)) for name in names})


def _input_dialog() -> type:
    dialog = QtWidgets.QInputDialog
    names = ("getText", "getItem", "getInt", "getDouble")
    return type("QInputDialog", (dialog,), {name: _first_result(getattr(dialog, name)) for name in names})


def _open_lists_as_qt5_does() -> None:
    """In Qt 5.15 the list of an editable combo box takes the focus from its line edit when it opens."""
    if hasattr(QtWidgets.QComboBox, "_native_show_popup"):
        return
    native = QtWidgets.QComboBox.showPopup

    def show_popup(combo: Any) -> None:
        native(combo)
        edit = combo.lineEdit()
        if edit is not None:
            edit.editingFinished.emit()

    QtWidgets.QComboBox._native_show_popup = native  # type: ignore[attr-defined]
    QtWidgets.QComboBox.showPopup = show_popup


def install(loader: type, ctk_classes: tuple[type, ...]) -> types.ModuleType:
    """Put `qt` (with `loader` as its QUiLoader) and `ctk` into sys.modules; returns `qt`."""
    qt, ctk = QtModule("qt"), CtkModule("ctk")
    _open_lists_as_qt5_does()
    own = {"QUiLoader": loader, "QFileDialog": _file_dialog(), "QInputDialog": _input_dialog()}
    for name, value in own.items():
        setattr(qt, name, value)
    for cls in ctk_classes:
        setattr(ctk, cls.__name__, cls)
    for cls in (QtWidgets.QDialog, QtWidgets.QMenu, QtCore.QEventLoop):  # Qt 5's spelling, kept by PythonQt
        cls.exec_ = cls.exec  # type: ignore[attr-defined]
    sys.modules["qt"], sys.modules["ctk"] = qt, ctk
    return qt
