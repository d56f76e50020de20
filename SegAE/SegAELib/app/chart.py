"""The predicted Dice over the slices as a chart in the panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segae.results.types import SegmentResult, SliceResult
from SegAELib.app.binding import Widget, _, slicer
from SegAELib.app.context import Context
from SegAELib.app.score_style import number
from SegAELib.mrml.nodes import add_hidden_node
from SegAELib.mrml.results_table import column, set_columns

HEIGHT = 220
SLICE, SCORE, LIMIT = "slice", "predicted Dice", "threshold"


class ChartSection:
    """The predicted Dice of the chosen segment over its slices. The view and its nodes (not saved, not
    listed) are made when they are first shown in the open section."""

    def attach(self, context: Context) -> None:
        self._context = context
        self._section = context.ui.chartSection
        self._view: Widget = None
        self._nodes: list[Any] = []
        self._shown: tuple[SegmentResult | None, float] = (None, 0.0)
        self._section.connect("contentsCollapsed(bool)", self._collapsed)

    def refresh(self) -> None:
        """Show the chosen segment when the section is open."""
        if slicer.mrmlScene.IsClosing():
            self._forget()
            return
        results, segment_id = self._context.results, self._context.segment
        segment = None if results is None or segment_id is None else results.segments.get(segment_id)
        if self._section.collapsed or results is None or segment is None or not segment.is_scored:
            return
        threshold = results.report.threshold
        alive = bool(self._nodes) and all(node.GetScene() is not None for node in self._nodes)
        if not alive or segment is not self._shown[0] or threshold != self._shown[1]:
            self._shown = (segment, threshold)
            self._show(segment.segment, results.slices(segment_id or ""), threshold)

    def detach(self) -> None:
        """Take the nodes out of the scene."""
        nodes = [node for node in self._nodes if node.GetScene() is not None]
        self._forget()
        for node in nodes:
            node.GetScene().RemoveNode(node)

    def _forget(self) -> None:
        self._nodes = []
        if self._view is not None:
            self._view.setMRMLPlotViewNode(None)

    def _collapsed(self, _collapsed: bool) -> None:
        self.refresh()

    def _show(self, name: str, rows: Sequence[SliceResult], threshold: float) -> None:
        if any(node.GetScene() is None for node in self._nodes):
            self.detach()
        if not self._nodes:
            self._make()
        table, chart = self._nodes[0], self._nodes[-2]
        if len(rows) == 1:  # VTK draws no line of a single point, and logs an error
            rows = [*rows, *rows]
        set_columns(
            table,
            [
                column(SLICE, int, (row.slice for row in rows)),
                column(SCORE, float, (row.predicted_dice or 0.0 for row in rows)),
                column(LIMIT, float, (threshold for _row in rows)),
            ],
        )
        was = chart.StartModify()
        chart.SetTitle(_("{segment}, grey: threshold {dice}").format(segment=name, dice=number(threshold)))
        slices = [row.slice for row in rows]
        chart.SetXAxisRange(min(slices) - 1, max(slices) + 1)
        chart.EndModify(was)

    def _make(self) -> None:
        if self._view is None:
            self._view = slicer.qMRMLPlotView()
            self._view.setMRMLScene(slicer.mrmlScene)
            self._view.setMinimumHeight(HEIGHT)
            self._section.layout().addWidget(self._view)
        scene = slicer.mrmlScene
        table = add_hidden_node(scene, "vtkMRMLTableNode", "SegAE chart data")
        score, limit = (add_hidden_node(scene, "vtkMRMLPlotSeriesNode", name) for name in (SCORE, LIMIT))
        for series, colour in ((score, (0.1, 0.3, 0.7)), (limit, (0.6, 0.6, 0.6))):
            series.SetAndObserveTableNodeID(table.GetID())
            series.SetXColumnName(SLICE)
            series.SetYColumnName(series.GetName())
            series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
            series.SetColor(*colour)
        score.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleCircle)
        limit.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
        chart = add_hidden_node(scene, "vtkMRMLPlotChartNode", "SegAE chart")
        for series in (score, limit):
            chart.AddAndObservePlotSeriesNodeID(series.GetID())
        # Fixed by hand: to fit a view to its content writes the range of the data into the chart.
        chart.SetXAxisRangeAuto(False)
        chart.SetYAxisRangeAuto(False)
        chart.SetYAxisRange(0, 1)
        chart.SetLegendVisibility(False)  # it covers the curve; the title says what the lines are
        chart.SetTitleFontSize(12)
        chart.SetXAxisTitle(_("Slice"))
        chart.SetYAxisTitle(_("Predicted Dice"))
        view = add_hidden_node(scene, "vtkMRMLPlotViewNode", "SegAE chart view")
        view.SetPlotChartNodeID(chart.GetID())
        self._view.setMRMLPlotViewNode(view)
        self._nodes = [table, score, limit, chart, view]
