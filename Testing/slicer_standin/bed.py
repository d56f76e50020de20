"""The test bed: starts everything once per process and is what tests talk to."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import vtk
from PySide6 import QtCore, QtGui, QtTest, QtWidgets

from . import (
    application,
    context_menu,
    modules,
    qt_module,
    segment_editor,
    slice_widget,
    subject_hierarchy,
    ui_loader,
    widgets_ctk,
    widgets_ctk_choice,
    widgets_mrml,
    widgets_plot,
    widgets_segments,
)
from .environment import fallback_font
from .heartbeat import Heartbeat
from .mrml_core import MrmlCore
from .packages import install_slicer_packages
from .pythonqt import install, native
from .signals import CONNECTIONS
from .untyped import slicer

CTK_CLASSES = widgets_ctk.CLASSES + widgets_ctk_choice.CLASSES
MODULE_CLASSES = (modules.qSlicerScriptedLoadableModule, modules.qSlicerScriptedLoadableModuleWidget)
SLICER_CLASSES = (
    *widgets_mrml.CLASSES,
    *widgets_segments.CLASSES,
    *widgets_plot.CLASSES,
    *slice_widget.CLASSES,
    *segment_editor.CLASSES,
    *application.CLASSES,
    *MODULE_CLASSES,
)


class TestBed:
    """One running stand-in of Slicer.

    Attributes:
        app: `slicer.app`; `scene`: `slicer.mrmlScene`; `main_window`: as slicer.util.mainWindow().
    """

    __test__ = False  # not a pytest class

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="slicer-standin-")
        install()
        _use_private_settings(Path(self._folder.name))
        self.app: Any = application.qSlicerApplication(["slicer-standin"])
        _use_font(self.app)
        custom = {cls.__name__: cls for cls in CTK_CLASSES + SLICER_CLASSES}
        qt_module.install(ui_loader.make_loader_class(custom), CTK_CLASSES)
        for cls in SLICER_CLASSES:
            setattr(slicer, cls.__name__, cls)
        install_slicer_packages()
        context_menu.install()
        slicer.app, slicer.modules = self.app, modules.Modules()
        with _quiet_vtk():  # it misses Slicer's share files: colour tables and terminologies
            self._core = MrmlCore(Path(self._folder.name))
        self.scene: Any = self._core.scene
        self.subject_hierarchy = subject_hierarchy.SubjectHierarchy(self.scene)
        self.app.assemble(self._core)
        self.main_window: Any = slicer.util.mainWindow()
        self.main_window.show()
        self.process_events()

    def load_module(self, path: str | Path, *, select: bool = True) -> Any:
        """Load a scripted module's .py file as at Slicer's start; returns its panel (<Name>Widget), set up.

        With `select` the module is also chosen in the module selector, which enters it and shows the panel.

        Raises:
            ImportError: not a scripted module, or a module it depends on is missing.
        """
        module = self.app.moduleManager().load(Path(path).resolve())
        self.app.startupCompleted.emit()  # in Slicer long before the panel is first shown
        panel = module.widgetRepresentation().self()
        if select and self.app.layoutManager() is not None:
            self.select_module(module.name)
        self.process_events()
        return panel

    def select_module(self, name: str) -> None:
        """As slicer.util.selectModule: leave the current module, enter `name` ("" for none)."""
        self.main_window.moduleSelector().selectModule(name)
        self.process_events()

    @property
    def module_panel(self) -> Any:
        """What holds the panel of the module that is shown."""
        return self.main_window.modulePanel()

    def reset(self) -> None:
        """Back to a fresh start: scripted modules unloaded, scene and settings empty, layout four-up."""
        self.app.set_main_window_available(True)
        self.select_module("")
        for name in self.app.moduleManager().scripted():
            self.app.moduleManager().unload(name)
        for sender in self._long_lived():
            CONNECTIONS.drop(sender)
        self.scene.Clear(0)
        self.app.settings().clear()
        self.app.layoutManager().setLayout(3)
        self.process_events()

    def leftovers(self) -> tuple[str, ...]:
        """What is still connected to the application, its managers, its window: empty after a clean exit."""
        found = [(type(s).__name__, c) for s in self._long_lived() for c in CONNECTIONS.of(s)]
        return tuple(f"{name}.{c.signature} -> {c.receiver!r}" for name, c in found)

    def _long_lived(self) -> tuple[Any, ...]:
        selector = self.main_window.moduleSelector()
        return self.app, self.app.layoutManager(), self.app.moduleManager(), self.main_window, selector

    def unload_module(self, name: str) -> None:
        """As at Slicer's end: leave the module, clean up its panel, take it away."""
        self.select_module("")
        CONNECTIONS.disconnect(self.app, "startupCompleted()")
        self.app.moduleManager().unload(name)
        self.process_events()

    def process_events(self, seconds: float = 0.0) -> None:
        """Run the event loop for `seconds`, at least until it is idle; deletes what waits for deletion."""
        end = time.perf_counter() + seconds
        while True:
            native(self.app, "processEvents")()
            native(self.app, "sendPostedEvents")(None, QtCore.QEvent.Type.DeferredDelete)
            if time.perf_counter() >= end:
                return
            time.sleep(0.002)

    def wait_until(self, condition: Callable[[], object], seconds: float = 10.0) -> None:
        """Run the event loop until `condition()` holds.

        Raises:
            AssertionError: it did not within `seconds`.
        """
        end = time.perf_counter() + seconds
        while not condition():
            if time.perf_counter() > end:
                raise AssertionError(f"condition not met within {seconds} s")
            self.process_events(0.005)

    def heartbeat(self) -> Heartbeat:
        """``with bed.heartbeat() as beat: ...``; `beat.longest` is the event loop's longest pause in s."""
        return Heartbeat()

    def slice_pixels(self, view: str = "Red") -> np.ndarray:
        """What the slice view shows now: RGB uint8 (rows from the top, columns, 3)."""
        return self._view(view).pixels()

    def slice_pixel_at(self, ras: tuple[float, float, float], view: str = "Red") -> tuple[int, int, int]:
        """RGB of the pixel of `view` at a world position (RAS mm).

        Raises:
            ValueError: the position lies outside the picture.
        """
        row, column = self._view(view).pixel_of(ras)
        pixels = self.slice_pixels(view)
        if not (0 <= row < pixels.shape[0] and 0 <= column < pixels.shape[1]):
            raise ValueError(f"{ras} lies outside the {view} view")
        red, green, blue = (int(v) for v in pixels[row, column])
        return red, green, blue

    def _view(self, name: str) -> Any:
        return self.app.layoutManager().offscreenView(name)

    def screenshot(self, widget: Any, path: str | Path) -> Path:
        """Picture of a widget and its children (of a panel: `panel.parent`); slice views are drawn first.

        Raises:
            OSError: the file could not be written.
        """
        for view in native(widget, "findChildren")(slice_widget.qMRMLSliceView):
            view.forceRender()
        self.process_events()
        path = Path(path)
        if not native(widget, "grab")().save(str(path)):
            raise OSError(f"{path}: could not be written")
        return path

    def context_menu(self, node: Any) -> dict[str, Any]:
        """Right click on a node in the module Data: the actions of scripted plugins, by text."""
        return context_menu.qSlicerSubjectHierarchyPluginHandler.instance().open_menu(node)

    def press(self, widget: Any, key: int) -> None:
        """Press and release a key in a widget; shortcuts of its window come first (guide 17.3)."""
        widget.window().activateWindow()
        self.process_events()
        QtTest.QTest.keyClick(widget, QtCore.Qt.Key(key))
        self.process_events()

    def click(self, widget: Any, x: int, y: int) -> None:
        """Click with the left mouse button, x and y pixels from the widget's top left corner."""
        button, none = QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.KeyboardModifier.NoModifier
        QtTest.QTest.mouseClick(widget, button, none, QtCore.QPoint(x, y))
        self.process_events()

    @contextlib.contextmanager
    def without_main_window(self) -> Iterator[None]:
        """Inside, main window and layout manager are None, as with ``--no-main-window``."""
        self.app.set_main_window_available(False)
        try:
            yield
        finally:
            self.app.set_main_window_available(True)


@contextlib.contextmanager
def _quiet_vtk() -> Iterator[None]:
    vtk.vtkObject.GlobalWarningDisplayOff()
    try:
        yield
    finally:
        vtk.vtkObject.GlobalWarningDisplayOn()


def _use_private_settings(folder: Path) -> None:
    """QSettings() of modules must not touch the tester's own files."""
    QtCore.QCoreApplication.setOrganizationName("slicer-standin")
    QtCore.QCoreApplication.setApplicationName("Slicer")
    kind = QtCore.QSettings.Format.IniFormat
    QtCore.QSettings.setDefaultFormat(kind)
    QtCore.QSettings.setPath(kind, QtCore.QSettings.Scope.UserScope, str(folder / "settings"))


def _use_font(app: QtWidgets.QApplication) -> None:
    if QtGui.QFontDatabase.families():
        return
    path = fallback_font()
    if path is not None:
        QtGui.QFontDatabase.addApplicationFont(str(path))
        app.setFont(QtGui.QFont("DejaVu Sans", 9))
