"""Nodes that a panel needs for itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segae.results.types import SliceResult
from SegAELib.app.binding import Widget, _, slicer
from SegAELib.mrml.results_table import column, set_columns


def add_hidden_node(class_name: str, name: str) -> Any:
    """A node of the scene that is not saved with it and not listed."""
    node = slicer.mrmlScene.CreateNodeByClass(class_name)
    node.UnRegister(None)
    node.SetName(name)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    return slicer.mrmlScene.AddNode(node)


HEIGHT = 220
SLICE, SCORE, LIMIT = "slice", "predicted Dice", "threshold"


class Chart:
    """Makes its view and its nodes (not saved, not listed) when it is first shown in an open section."""

    def __init__(self, section: Widget) -> None:
        self._section = section
        self._view: Widget = None
        self._nodes: list[Any] = []
        self._shown: tuple[str, list[SliceResult], float] = ("", [], 0.0)
        section.connect("contentsCollapsed(bool)", self._collapsed)

    def show(self, segment: str, rows: Sequence[SliceResult], threshold: float) -> None:
        """Show the slices of a segment, in their order, under its name."""
        self._shown = (segment, list(rows), threshold)
        if not self._section.collapsed:
            self._update()

    def forget(self) -> None:
        """The scene is being closed and takes the nodes along."""
        self._nodes = []
        if self._view is not None:
            self._view.setMRMLPlotViewNode(None)

    def close(self) -> None:
        """Take the nodes out of the scene."""
        nodes = [node for node in self._nodes if node.GetScene() is not None]
        self.forget()
        for node in nodes:
            node.GetScene().RemoveNode(node)

    def _collapsed(self, collapsed: bool) -> None:
        if not collapsed:
            self._update()

    def _update(self) -> None:
        segment, rows, threshold = self._shown
        if not rows:
            return
        if any(node.GetScene() is None for node in self._nodes):
            self.close()
        if not self._nodes:
            self._make()
        table, chart = self._nodes[0], self._nodes[-2]
        set_columns(
            table,
            [
                column(SLICE, int, (row.slice for row in rows)),
                column(SCORE, float, (row.predicted_dice or 0.0 for row in rows)),
                column(LIMIT, float, (threshold for _row in rows)),
            ],
        )
        chart.SetTitle(segment)
        self._view.fitToContent()

    def _make(self) -> None:
        if self._view is None:
            self._view = slicer.qMRMLPlotView()
            self._view.setMRMLScene(slicer.mrmlScene)
            self._view.setMinimumHeight(HEIGHT)
            self._section.layout().addWidget(self._view)
        table = add_hidden_node("vtkMRMLTableNode", "SegAE chart data")
        score, limit = (add_hidden_node("vtkMRMLPlotSeriesNode", name) for name in (SCORE, LIMIT))
        for series, colour in ((score, (0.1, 0.3, 0.7)), (limit, (0.6, 0.6, 0.6))):
            series.SetAndObserveTableNodeID(table.GetID())
            series.SetXColumnName(SLICE)
            series.SetYColumnName(series.GetName())
            series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
            series.SetColor(*colour)
        score.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleCircle)
        limit.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
        chart = add_hidden_node("vtkMRMLPlotChartNode", "SegAE chart")
        for series in (score, limit):
            chart.AddAndObservePlotSeriesNodeID(series.GetID())
        chart.SetYAxisRangeAuto(False)
        chart.SetYAxisRange(0, 1)
        chart.SetXAxisTitle(_("Slice"))
        chart.SetYAxisTitle(_("Predicted Dice"))
        view = add_hidden_node("vtkMRMLPlotViewNode", "SegAE chart view")
        view.SetPlotChartNodeID(chart.GetID())
        self._view.setMRMLPlotViewNode(view)
        self._nodes = [table, score, limit, chart, view]
