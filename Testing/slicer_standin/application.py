# ruff: noqa: N801, N802, N815 (the names are Slicer's and Qt's)
"""`slicer.app`. Unknown attributes are refused, as on every Qt object here."""

import types
from typing import Any

from PySide6 import QtCore, QtWidgets

from .io_manager import qSlicerCoreIOManager
from .layout import qSlicerLayoutManager
from .main_window import qSlicerMainWindow
from .modules import qSlicerModuleManager
from .mrml_core import MrmlCore
from .segment_editor import SegmentEditorPanel
from .widget_base import plain_property, stand_in

VERSION = "5.12.3"


@stand_in
class qSlicerExtensionsManagerModel(QtCore.QObject):
    """Extensions Manager without a server: nothing can be installed, requests are remembered."""

    interactive = plain_property(bool, "interactive", True)

    def __init__(self) -> None:
        super().__init__()
        self._requested: list[str] = []

    def isExtensionInstalled(self, name: str) -> bool:
        """No extension is."""
        return False

    def installExtensionFromServer(self, name: str, *options: bool) -> bool:
        """False: there is no server."""
        self._requested.append(name)
        return False

    def requested(self) -> tuple[str, ...]:
        """What modules asked to install. (Not part of Slicer's class.)"""
        return tuple(self._requested)


@stand_in
class qSlicerApplication(QtWidgets.QApplication):
    """The application: scene, managers, settings, main window.

    `testingEnabled()` is True, so slicer.util's message boxes return at once. The main window can be taken
    away for a while (`set_main_window_available`), as with ``--no-main-window``.
    """

    startupCompleted = QtCore.Signal()
    mrmlSceneChanged = QtCore.Signal(object)
    cpp_signals = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged(PyObject)"}  # noqa: RUF012

    majorVersion = plain_property(int, "majorVersion", int(VERSION.split(".")[0]))
    minorVersion = plain_property(int, "minorVersion", int(VERSION.split(".")[1]))
    revision = plain_property(str, "revision", "0")
    temporaryPath = plain_property(str, "temporaryPath", "")
    slicerHome = plain_property(str, "slicerHome", "")
    extensionsInstallPath = plain_property(str, "extensionsInstallPath", "")
    documentationBaseUrl = plain_property(
        str, "documentationBaseUrl", "https://slicer.readthedocs.io/en/latest/"
    )

    def assemble(self, core: MrmlCore) -> None:
        """Make the managers and the main window around `core`. (Not part of Slicer's class.)"""
        self._core = core
        self._temporaryPath = self._slicerHome = self._extensionsInstallPath = str(core.folder)
        self._has_main_window = True
        self._io = qSlicerCoreIOManager(core)
        self._extensions = qSlicerExtensionsManagerModel()
        self._layout = qSlicerLayoutManager(core)
        self._manager = qSlicerModuleManager(core.logics, SegmentEditorPanel())
        self._settings = QtCore.QSettings()
        self._main_window = qSlicerMainWindow(self._layout, self._manager)

    def set_main_window_available(self, available: bool) -> None:
        """Show or hide main window and layout manager from modules. (Not part of Slicer's class.)"""
        self._has_main_window = available

    def layoutManager(self) -> qSlicerLayoutManager | None:
        """None without a main window."""
        return self._layout if self._has_main_window else None

    def topLevelWidgets(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] (static in Qt)
        """Top level windows."""
        others = tuple(w for w in QtWidgets.QApplication.topLevelWidgets() if w is not self._main_window)
        return (self._main_window, *others) if self._has_main_window else others

    def mrmlScene(self) -> Any:
        """The scene."""
        return self._core.scene

    def applicationLogic(self) -> Any:
        """vtkSlicerApplicationLogic."""
        return self._core.application_logic

    def moduleManager(self) -> qSlicerModuleManager:
        """Finds modules."""
        return self._manager

    def moduleLogic(self, name: str) -> Any:
        """C++ logic of a module, or None."""
        module = self._manager.module(name)
        return module.logic() if module is not None else None

    def coreIOManager(self) -> qSlicerCoreIOManager:
        """Reads and writes files."""
        return self._io

    def ioManager(self) -> qSlicerCoreIOManager:
        """The same object."""
        return self._io

    def extensionsManagerModel(self) -> qSlicerExtensionsManagerModel:
        """Extensions Manager."""
        return self._extensions

    def settings(self) -> QtCore.QSettings:
        """Settings in a private file that is gone afterwards."""
        return self._settings

    def userSettings(self) -> QtCore.QSettings:
        """The same settings."""
        return self._settings

    def revisionUserSettings(self) -> QtCore.QSettings:
        """The same settings."""
        return self._settings

    def testingEnabled(self) -> bool:
        """True: no message box waits for an answer."""
        return True

    def commandOptions(self) -> Any:
        """What the command line said."""
        return types.SimpleNamespace(testingEnabled=True, noMainWindow=not self._has_main_window)

    def startupEnvironment(self) -> QtCore.QProcessEnvironment:
        """Environment before Slicer's own additions; here the process's own."""
        return QtCore.QProcessEnvironment.systemEnvironment()

    def pauseRender(self) -> None:
        """For slicer.util.RenderBlocker."""

    def resumeRender(self) -> None:
        """For slicer.util.RenderBlocker."""

    def moduleDocumentationUrl(self, name: str) -> str:
        """Page of a module."""
        return f"{self._documentation()}user_guide/modules/{name.lower()}.html"

    def _documentation(self) -> str:
        return getattr(self, "_documentationBaseUrl", "https://slicer.readthedocs.io/en/latest/")


CLASSES = (qSlicerExtensionsManagerModel, qSlicerApplication)
