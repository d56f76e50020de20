# ruff: noqa: N801, N802, N815 (the names are Slicer's and Qt's)
"""Main window with module selector, module panel on the left and slice views on the right."""

from typing import Any

from PySide6 import QtCore, QtWidgets

from .layout import qSlicerLayoutManager
from .modules import qSlicerModuleManager
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
class qSlicerMainWindow(QtWidgets.QMainWindow):
    """Found by slicer.util.mainWindow() through its object name."""

    def __init__(self, layout_manager: qSlicerLayoutManager, manager: qSlicerModuleManager) -> None:
        super().__init__()
        self.setObjectName("qSlicerMainWindow")
        self.setWindowTitle("3D Slicer (test bed)")
        self._panel = QtWidgets.QScrollArea()
        self._panel.setWidgetResizable(True)
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
            self._panel.setWidget(panel)
            panel.show()

    def moduleSelector(self) -> qSlicerModuleSelectorToolBar:
        """The tool bar that chooses modules."""
        return self._selector
