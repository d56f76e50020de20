# ruff: noqa: N801, N802, N815 (the names are Slicer's and Qt's)
"""Stand-in for qMRMLPlotView: draws the chart of its plot view node with VTK, off screen."""

from typing import Any, cast

import vtk
from PySide6 import QtCore, QtGui, QtWidgets
from vtkmodules.util.numpy_support import vtk_to_numpy

from .observers import WeakObservers
from .pythonqt import native
from .slice_widget import to_pixmap
from .untyped import slicer
from .widget_base import stand_in
from .widgets_mrml import qMRMLWidget


@stand_in
class qMRMLPlotView(qMRMLWidget):
    """Shows all series of the chart as lines, with the chart's titles and fixed axis ranges."""

    mrmlSceneChanged = QtCore.Signal(object)
    dataSelected = QtCore.Signal(object, object)
    cpp_signals = {  # noqa: RUF012
        "mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged(PyObject)",
        "dataSelected(vtkStringArray*,vtkCollection*)": "dataSelected(PyObject,PyObject)",
    }

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._view_node: Any = None
        self._observers = WeakObservers()
        self._label = QtWidgets.QLabel(self)
        self._label.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Ignored)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._label)

    def mrmlPlotViewNode(self) -> Any:
        """The view node shown."""
        return self._view_node

    def setMRMLPlotViewNode(self, node: Any) -> None:
        """Show a vtkMRMLPlotViewNode.

        Raises:
            TypeError: another kind of node.
        """
        if node is not None and not node.IsA("vtkMRMLPlotViewNode"):
            raise TypeError(f"setMRMLPlotViewNode needs a vtkMRMLPlotViewNode, not a {node.GetClassName()}")
        self._observers.clear()
        self._view_node = node
        if node is not None:
            for event in (vtk.vtkCommand.ModifiedEvent, slicer.vtkMRMLNode.ReferencedNodeModifiedEvent):
                self._observers.add(node, event, self._changed)
        self._changed()

    def fitToContent(self) -> None:
        """Show everything; this writes the ranges of the data into the chart node, fixed ones too."""
        chart = self.chart_node()
        ranges = None if chart is None else _data_ranges(chart)
        if chart is not None and ranges is not None:
            was = chart.StartModify()
            chart.SetXAxisRange(*ranges[0])
            chart.SetYAxisRange(*ranges[1])
            chart.EndModify(was)
        self._changed()

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """The picture follows the widget."""
        self._changed()

    def _changed(self, *_: Any) -> None:
        chart = self.chart_node()
        size = native(self._label, "size")()
        if chart is None or size.width() < 16 or size.height() < 16:
            self._label.setPixmap(QtGui.QPixmap())
            return
        self._label.setPixmap(to_pixmap(_draw(chart, size.width(), size.height())))

    def chart_node(self) -> Any:
        """The vtkMRMLPlotChartNode shown, or None. (Not part of Slicer's class.)"""
        return self._view_node.GetPlotChartNode() if self._view_node is not None else None


def _data_ranges(chart_node: Any) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Lowest and highest x and y of all series, None without any."""
    found: tuple[list[float], list[float]] = ([], [])
    for index in range(chart_node.GetNumberOfPlotSeriesNodes()):
        series = chart_node.GetNthPlotSeriesNode(index)
        table = series.GetTableNode().GetTable() if series.GetTableNode() is not None else None
        for values, name in zip(found, (series.GetXColumnName(), series.GetYColumnName()), strict=True):
            column = table.GetColumnByName(name) if table is not None and name else None
            if column is not None and column.GetNumberOfTuples():
                values.extend(map(float, vtk_to_numpy(column).ravel()))
    x, y = found
    return ((min(x), max(x)), (min(y), max(y))) if x and y else None


def _draw(chart_node: Any, width: int, height: int) -> Any:
    """RGB pixels of a chart node."""
    view = vtk.vtkContextView()
    window = view.GetRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    window.SetSize(width, height)
    view.GetRenderer().SetBackground(1, 1, 1)
    view.GetScene().AddItem(_chart(chart_node))
    view.Render()
    reader = vtk.vtkWindowToImageFilter()
    reader.SetInput(window)
    reader.ReadFrontBufferOff()
    reader.Update()
    image = reader.GetOutput()
    columns, rows, _ = image.GetDimensions()
    pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1, :, :3].copy()
    window.Finalize()
    return pixels


def _chart(chart_node: Any) -> vtk.vtkChartXY:
    chart = vtk.vtkChartXY()
    for index in range(chart_node.GetNumberOfPlotSeriesNodes()):
        series = chart_node.GetNthPlotSeriesNode(index)
        source = series.GetTableNode() if series is not None else None
        table = source.GetTable() if source is not None else None
        if series is None or table is None or table.GetNumberOfRows() == 0:
            continue
        line = cast("vtk.vtkPlotLine", chart.AddPlot(vtk.vtkChart.LINE))
        line.SetInputData(table, series.GetXColumnName(), series.GetYColumnName())
        line.SetLabel(series.GetName())
        line.SetColorF(*series.GetColor())
        line.SetWidth(2.0)
        line.SetMarkerStyle(series.GetMarkerStyle())
    if chart_node.GetTitleVisibility():
        chart.SetTitle(chart_node.GetTitle() or "")
    for axis, title in (
        (vtk.vtkAxis.BOTTOM, chart_node.GetXAxisTitle()),
        (vtk.vtkAxis.LEFT, chart_node.GetYAxisTitle()),
    ):
        chart.GetAxis(axis).SetTitle(title or "")
    chart.GetAxis(vtk.vtkAxis.LEFT).SetLogScale(bool(chart_node.GetYAxisLogScale()))
    if not chart_node.GetYAxisRangeAuto():
        chart.GetAxis(vtk.vtkAxis.LEFT).SetRange(*chart_node.GetYAxisRange())
        chart.GetAxis(vtk.vtkAxis.LEFT).SetBehavior(vtk.vtkAxis.FIXED)
    if not chart_node.GetXAxisRangeAuto():
        chart.GetAxis(vtk.vtkAxis.BOTTOM).SetRange(*chart_node.GetXAxisRange())
        chart.GetAxis(vtk.vtkAxis.BOTTOM).SetBehavior(vtk.vtkAxis.FIXED)
    chart.SetShowLegend(chart_node.GetNumberOfPlotSeriesNodes() > 1 and chart_node.GetLegendVisibility())
    return chart


CLASSES = (qMRMLPlotView,)
