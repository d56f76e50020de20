# ruff: noqa: N801, N802, N815 (the names are Slicer's and Qt's)
"""Layout manager with the Red, Yellow and Green slice views. No 3D, table or plot views."""

from typing import Any

from PySide6 import QtCore, QtWidgets

from .mrml_core import MrmlCore
from .slice_view import OffscreenSliceView
from .slice_widget import qMRMLSliceWidget
from .widget_base import plain_property, qt_property, stand_in

VIEWS = {
    "Red": ("Axial", (0.952, 0.290, 0.200)),
    "Yellow": ("Sagittal", (0.929, 0.835, 0.298)),
    "Green": ("Coronal", (0.431, 0.690, 0.294)),
}
ALL = frozenset(VIEWS)
# vtkMRMLLayoutNode's numbers; 37 is four-up with a plot in place of 3D (guide 17.6)
SHOWN = {0: frozenset(), 2: ALL, 3: ALL, 4: frozenset(), 37: ALL}
SHOWN |= {6: frozenset({"Red"}), 7: frozenset({"Yellow"}), 8: frozenset({"Green"})}


@stand_in
class qSlicerLayoutManager(QtCore.QObject):
    """Knows the slice widgets; `viewport()` holds them."""

    layoutChanged = QtCore.Signal(int)

    def __init__(self, core: MrmlCore) -> None:
        super().__init__()
        self._core = core
        self._viewport = QtWidgets.QWidget()
        self._views = {n: OffscreenSliceView(core, n, o, c) for n, (o, c) in VIEWS.items()}
        self._widgets = {n: qMRMLSliceWidget(view, self._viewport) for n, view in self._views.items()}
        grid = QtWidgets.QGridLayout(self._viewport)
        grid.setSpacing(2)
        for position, widget in zip(((0, 0), (1, 1), (1, 0)), self._widgets.values(), strict=True):
            grid.addWidget(widget, *position)
        self._set_layout(3)

    def _get_layout(self) -> int:
        return getattr(self, "_number", 0)

    def _set_layout(self, number: int) -> None:
        if number not in SHOWN:
            raise ValueError(f"the test bed knows the layouts {sorted(SHOWN)}, not {number}")
        if number == self._get_layout():
            return
        self._number = number
        for name, widget in self._widgets.items():
            widget.setVisible(name in SHOWN[number])
            self._views[name].node.SetMappedInLayout(int(name in SHOWN[number]))
        self._core.scene.GetFirstNodeByClass("vtkMRMLLayoutNode").SetViewArrangement(number)
        self.layoutChanged.emit(number)

    layout = qt_property(int, _get_layout, _set_layout)
    threeDViewCount = plain_property(int, "threeDViewCount", 0)
    tableViewCount = plain_property(int, "tableViewCount", 0)
    plotViewCount = plain_property(int, "plotViewCount", 0)

    def setLayout(self, number: int) -> None:
        """Show the slice views of a layout number."""
        self._set_layout(number)

    def sliceViewNames(self) -> tuple[str, ...]:
        """Names, a tuple."""
        return tuple(self._widgets)

    def sliceWidget(self, name: str) -> qMRMLSliceWidget | None:
        """The slice widget, None for an unknown name."""
        return self._widgets.get(name)

    def mrmlSliceLogics(self) -> Any:
        """vtkCollection of the slice logics."""
        return self._core.application_logic.GetSliceLogics()

    def resetSliceViews(self) -> None:
        """Fit all slice views to their background."""
        for widget in self._widgets.values():
            widget.fitSliceToBackground()

    def setRenderPaused(self, paused: bool) -> None:
        """Accepted; views are drawn when idle anyway."""

    def offscreenView(self, name: str) -> OffscreenSliceView:
        """The VTK side of a slice view. (Not part of Slicer's class.)"""
        return self._views[name]

    def viewport(self) -> QtWidgets.QWidget:
        """The widget that holds the views."""
        return self._viewport
