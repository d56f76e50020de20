# ruff: noqa: N801, N802, N815 (the names are Slicer's and Qt's)
"""Stand-ins for qMRMLSliceWidget and its parts: controller bar with offset slider, and the view."""

from typing import Any

import numpy as np
import vtk
from PySide6 import QtCore, QtGui, QtWidgets

from .observers import WeakObservers, weak
from .pythonqt import native
from .slice_view import OffscreenSliceView
from .widget_base import plain_property, stand_in
from .widgets_mrml import qMRMLSliderWidget


def to_pixmap(pixels: np.ndarray) -> QtGui.QPixmap:
    """RGB uint8 (rows, columns, 3) as a pixmap."""
    rows, columns, _ = pixels.shape
    kind = QtGui.QImage.Format.Format_RGB888
    return QtGui.QPixmap.fromImage(QtGui.QImage(pixels.tobytes(), columns, rows, 3 * columns, kind))


@stand_in
class qMRMLSliceView(QtWidgets.QLabel):
    """Shows the off-screen picture; `forceRender` draws at once, all else when the event loop is idle."""

    def __init__(self, view: OffscreenSliceView, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._view = view
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Ignored)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(20)
        self._timer.timeout.connect(weak(self._draw_if_dirty))
        self._timer.start()

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """The picture follows the widget."""
        self._view.resize(max(event.size().width(), 16), max(event.size().height(), 16))

    def _draw_if_dirty(self) -> None:
        busy = self._view.logic.GetMRMLScene().IsBatchProcessing()  # as while a scene is imported
        if self._view.dirty and not busy and native(self, "isVisible")():
            self.forceRender()

    def forceRender(self) -> None:
        """Draw now."""
        self.setPixmap(to_pixmap(self._view.render()))

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """The keys that Slicer itself has in a slice view: `[` and `]` go through the background volumes."""
        steps = {QtCore.Qt.Key.Key_BracketRight: 1, QtCore.Qt.Key.Key_BracketLeft: -1}
        step = steps.get(QtCore.Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self._view.show_next_background(step)

    def scheduleRender(self) -> None:
        """Draw soon."""
        self._view.dirty = True

    def cornerAnnotation(self) -> vtk.vtkCornerAnnotation:
        """The texts in the corners."""
        return self._view.corner

    def renderWindow(self) -> vtk.vtkRenderWindow:
        """VTK's window."""
        return self._view.window

    def mrmlSliceNode(self) -> Any:
        """The slice node."""
        return self._view.node

    def displayableManagerByClassName(self, name: str) -> Any:
        """One of the view's displayable managers, or None."""
        return self._view.managers.GetDisplayableManagerByClassName(name)


@stand_in
class qMRMLSliceControllerWidget(QtWidgets.QWidget):
    """Bar above a slice view: coloured label and offset slider."""

    def __init__(self, view: OffscreenSliceView, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._view = view
        self._updating = False
        self._slider: Any = qMRMLSliderWidget(self)
        label = QtWidgets.QLabel(view.node.GetLayoutName()[:1], self)
        colour = QtGui.QColor.fromRgbF(*view.node.GetLayoutColor()).name()
        label.setStyleSheet(f"background: {colour}; padding: 2px 6px")
        self._layout = QtWidgets.QHBoxLayout(self)
        self._layout.setContentsMargins(2, 2, 2, 2)
        self._layout.addWidget(label)
        self._layout.addWidget(self._slider)
        self._slider.connect("valueChanged(double)", weak(self._slider_moved))
        self._observers = WeakObservers()
        for caller in (view.node, view.logic):
            self._observers.add(caller, vtk.vtkCommand.ModifiedEvent, self._follow)

    sliceOrientation = plain_property(str, "sliceOrientation", "")

    def _slider_moved(self, offset: float) -> None:
        if not self._updating:
            self._view.logic.SetSliceOffset(offset)

    def _follow(self, *_: Any) -> None:
        self._updating = True
        limits, step = [0.0, 0.0], vtk.reference(1.0)
        if self._view.logic.GetSliceOffsetRangeResolution(limits, step):
            self._slider.setRange(*limits)
        self._slider.setValue(self._view.logic.GetSliceOffset())
        self._updating = False

    def barLayout(self) -> QtWidgets.QHBoxLayout:
        """Where a module may add its own widget."""
        return self._layout

    def barWidget(self) -> QtWidgets.QWidget:
        """The bar."""
        return self

    def sliceOffsetSlider(self) -> Any:
        """Slider in mm along the slice normal."""
        return self._slider


@stand_in
class qMRMLSliceWidget(QtWidgets.QWidget):
    """Bar and view of one slice."""

    def __init__(self, view: OffscreenSliceView, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._bar = qMRMLSliceControllerWidget(view, self)
        self._label = qMRMLSliceView(view, self)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._bar)
        layout.addWidget(self._label, 1)

    def sliceController(self) -> qMRMLSliceControllerWidget:
        """The bar above the view."""
        return self._bar

    def sliceView(self) -> qMRMLSliceView:
        """The view."""
        return self._label

    def sliceLogic(self) -> Any:
        """vtkMRMLSliceLogic."""
        return self._view.logic

    def mrmlSliceNode(self) -> Any:
        """vtkMRMLSliceNode."""
        return self._view.node

    def mrmlSliceCompositeNode(self) -> Any:
        """vtkMRMLSliceCompositeNode: which volumes are shown."""
        return self._view.logic.GetSliceCompositeNode()

    def fitSliceToBackground(self) -> None:
        """Zoom and centre on the background volume."""
        self._view.logic.FitSliceToBackground()


CLASSES = (qMRMLSliceView, qMRMLSliceControllerWidget, qMRMLSliceWidget)
