# ruff: noqa: N801, N802, N815 (the names are Slicer's and Qt's)
"""Stand-ins for CTK's path editors, checkable combo box and message box."""

import fnmatch
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from .observers import weak
from .widget_base import plain_property, qt_property, stand_in


@stand_in
class ctkPathLineEdit(QtWidgets.QWidget):
    """Line edit for one file or folder. The browse dialog is not reproduced.

    As in CTK, `currentPathChanged` is emitted only for a text that may be a path: not empty, and ending as
    the name filters ask for; `validInputChanged` when it becomes one or ceases to be one.
    """

    Dirs, Files, Drives, Readable, Writable, Executable, NoFilter = 0x1, 0x2, 0x4, 0x10, 0x20, 0x40, -1
    currentPathChanged = QtCore.Signal(str)
    validInputChanged = QtCore.Signal(bool)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_valid = False
        self._line: Any = QtWidgets.QLineEdit(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._line)
        layout.addWidget(QtWidgets.QPushButton("\N{HORIZONTAL ELLIPSIS}", self))
        self._line.connect("textChanged(QString)", weak(self._announce_path))

    def _announce_path(self, path: str) -> None:
        was_valid, self._is_valid = self._is_valid, self._may_be(path)
        if self._is_valid:
            self.currentPathChanged.emit(path)
        if self._is_valid != was_valid:
            self.validInputChanged.emit(self._is_valid)

    def _may_be(self, path: str) -> bool:
        filters: Any = getattr(self, "_nameFilters", [])
        patterns = [word.strip("()") for text in filters for word in text.split() if "*" in word]
        return bool(path) and (not patterns or any(fnmatch.fnmatch(path, pattern) for pattern in patterns))

    def _get_path(self) -> str:
        return self._line.text

    def _set_path(self, path: str) -> None:
        self._line.setText(path)

    currentPath = qt_property(str, _get_path, _set_path)
    label = plain_property(str, "label", "")
    filters = plain_property(int, "filters", 0x7)
    nameFilters = plain_property("QStringList", "nameFilters", [])
    settingKey = plain_property(str, "settingKey", "")
    showBrowseButton = plain_property(bool, "showBrowseButton", True)
    showHistoryButton = plain_property(bool, "showHistoryButton", True)

    def _history_key(self) -> str:
        return "ctkPathLineEdit/" + (getattr(self, "_settingKey", "") or self.objectName)  # type: ignore[operator]

    def addCurrentPathToHistory(self) -> None:
        """Remember the path in the settings under `settingKey`."""
        settings = QtCore.QSettings()
        known = [p for p in self._read_history(settings) if p != self._get_path()]
        settings.setValue(self._history_key(), [self._get_path(), *known])

    def retrieveHistory(self) -> None:
        """Take the path remembered last."""
        known = self._read_history(QtCore.QSettings())
        if known:
            self._set_path(known[0])

    def _read_history(self, settings: QtCore.QSettings) -> list[str]:
        stored: Any = settings.value(self._history_key(), [])
        return [stored] if isinstance(stored, str) else list(stored)


@stand_in
class ctkDirectoryButton(QtWidgets.QPushButton):
    """Button that shows and changes a folder."""

    directoryChanged = QtCore.Signal(str)
    directorySelected = QtCore.Signal(str)

    def _announce(self) -> None:
        self.directoryChanged.emit(getattr(self, "_directory", ""))

    directory = plain_property(str, "directory", "", _announce)
    caption = plain_property(str, "caption", "")


@stand_in
class ctkCheckableComboBox(QtWidgets.QComboBox):
    """Combo box with a check box per item; `allChecked` is a call, not a property (guide section 16)."""

    checkedIndexesChanged = QtCore.Signal()

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._states: dict[int, int] = {}

    def allChecked(self) -> bool:
        """Whether every item is checked."""
        return all(self._states.get(row, 0) == 2 for row in range(self.model().rowCount()))

    def noneChecked(self) -> bool:
        """Whether no item is checked."""
        return not any(self._states.values())

    def setCheckState(self, index: QtCore.QModelIndex, state: int) -> None:
        """Check (2) or uncheck (0) the item at a model index."""
        if self._states.get(index.row(), 0) != int(state):
            self._states[index.row()] = int(state)
            self.checkedIndexesChanged.emit()

    def checkState(self, index: QtCore.QModelIndex) -> int:
        """2 for checked, 0 for not."""
        return self._states.get(index.row(), 0)

    def checkedIndexes(self) -> tuple[QtCore.QModelIndex, ...]:
        """Model indexes of the checked items."""
        return tuple(self.model().index(row, 0) for row, state in sorted(self._states.items()) if state == 2)


@stand_in
class ctkColorPickerButton(QtWidgets.QPushButton):
    """Button that holds a colour. The colour dialog is not reproduced."""

    colorChanged = QtCore.Signal(QtGui.QColor)

    def _announce(self) -> None:
        self.colorChanged.emit(getattr(self, "_color", QtGui.QColor()))

    color = plain_property(QtGui.QColor, "color", QtGui.QColor(), _announce)
    displayColorName = plain_property(bool, "displayColorName", True)


@stand_in
class ctkMessageBox(QtWidgets.QMessageBox):
    """Message box with "don't show again"; slicer.util shows none of them in testing mode."""

    dontShowAgainSettingsKey = plain_property(str, "dontShowAgainSettingsKey", "")
    dontShowAgain = plain_property(bool, "dontShowAgain", False)


CLASSES = (
    ctkPathLineEdit,
    ctkDirectoryButton,
    ctkCheckableComboBox,
    ctkColorPickerButton,
    ctkMessageBox,
)
