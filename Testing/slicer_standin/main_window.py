# ruff: noqa: N801, N802, N815 (the names are Slicer's and Qt's)
"""Main window with module selector, module panel on the left and slice views on the right."""

from typing import Any

from PySide6 import QtCore, QtWidgets

from .layout import qSlicerLayoutManager
from .modules import qSlicerModuleManager
from .pythonqt import native
from .widget_base import plain_property, stand_in

PANEL_WIDTH = 420


@stand_in
class qSlicerModuleSelectorToolBar(QtWidgets.QToolBar):
    """Chooses the module whose panel is shown. Refuses what Slicer ignores in silence."""

    moduleSelected = QtCore.Signal(str)

    def __init__(self, manager: qSlicerModuleManager, show: Any) -> None:
        super().__init__()
        self._manager, self._show = manager, show

    selectedModule = plain_property(str, "selectedModule", "")

    def selectModule(self, name: str) -> None:
        """Leave the current module and enter `name`, whose panel is made if need be.

        Raises:
            ValueError: no such module, or one of category "Testing", which cannot be selected (guide 17.3).
        """
        module = self._manager.module(name)
        if name and module is None:
            raise ValueError(f"no module {name!r}; loaded: {', '.join(self._manager.modulesNames())}")
        if module is not None and "Testing" in module.categories:
            raise ValueError(f"{name} has the category Testing: Slicer does not select it and says nothing")
        current = getattr(self, "_selectedModule", "")
        if name == current:
            return
        previous = self._manager.module(current) if current else None
        if previous is not None:
            previous.widgetRepresentation().exit()
        self._selectedModule = name
        panel = module.widgetRepresentation() if module is not None else None
        self._show(panel)
        if panel is not None:
            panel.enter()
        self.moduleSelected.emit(name)


@stand_in
class qSlicerModulePanel(QtWidgets.QScrollArea):
    """Holds the panel of a module. It grows with what the panel needs at least, and never shrinks again."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        """The panel's layout has changed."""
        if event.type() in (QtCore.QEvent.Type.LayoutRequest, QtCore.QEvent.Type.Resize):
            self._grow()
        return False

    def _grow(self) -> None:
        panel = native(self, "widget")()
        if panel is not None:
            bar = native(native(self, "verticalScrollBar")(), "sizeHint")().width()
            needed = native(panel, "minimumSizeHint")().width() + bar
            if needed > native(self, "minimumWidth")():
                self.setMinimumWidth(needed)


@stand_in
class qSlicerMainWindow(QtWidgets.QMainWindow):
    """Found by slicer.util.mainWindow() through its object name."""

    def __init__(self, layout_manager: qSlicerLayoutManager, manager: qSlicerModuleManager) -> None:
        super().__init__()
        self.setObjectName("qSlicerMainWindow")
        self.setWindowTitle("3D Slicer (test bed)")
        self._panel = qSlicerModulePanel()
        dock = QtWidgets.QDockWidget("Module panel", self)
        dock.setObjectName("PanelDockWidget")
        dock.setWidget(self._panel)
        dock.setMinimumWidth(PANEL_WIDTH)
        self.addDockWidget(QtCore.Qt.DockWidgetArea.LeftDockWidgetArea, dock)
        self.setCentralWidget(layout_manager.viewport())
        self._selector = qSlicerModuleSelectorToolBar(manager, self._show_panel)
        self.addToolBar(self._selector)
        self.resize(1200, 800)

    def _show_panel(self, panel: Any) -> None:
        self._panel.takeWidget()  # keeps the panel of the module that was left alive
        if panel is not None:
            self._panel.setMinimumWidth(0)
            self._panel.setWidget(panel)
            native(panel, "installEventFilter")(self._panel)
            panel.show()

    def modulePanel(self) -> qSlicerModulePanel:
        """What holds the panel. (Not part of Slicer's class.)"""
        return self._panel

    def moduleSelector(self) -> qSlicerModuleSelectorToolBar:
        """The tool bar that chooses modules."""
        return self._selector
