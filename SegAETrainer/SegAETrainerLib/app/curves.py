"""Curves over the epochs of a training, as charts in the panel, with the epoch that becomes the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from segae_trainer.train.progress import EpochFigures
from SegAELib.app.binding import Widget, _, slicer
from SegAELib.mrml.nodes import add_hidden_node
from SegAELib.mrml.results_table import column, set_columns

HEIGHT = 200
EPOCH = "epoch"
MARK_SIZE = 14.0
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Line:
    """`name`: of the value in `EpochFigures`; `words`: how the legend calls it."""

    name: str
    words: str
    colour: Colour


class CurveChart:
    """One chart; its view and its nodes (not saved, not listed) are made when there is something to show.
    On the first of its lines the chosen epoch is marked, where `marks` says so."""

    def __init__(self, parent: Widget, title: str, lines: Sequence[Line], marks: bool = False) -> None:
        self._parent, self._title, self._lines, self._marks = parent, title, tuple(lines), marks
        self._view: Widget = None
        self._nodes: list[Any] = []  # tables, series of the lines and of the mark, chart, view

    def show(
        self, rows: Sequence[EpochFigures], epochs: int, chosen: EpochFigures | None, logarithmic: bool
    ) -> None:
        """Show these of `epochs` epochs, at least one."""
        if any(node.GetScene() is None for node in self._nodes):
            self.close()
        if not self._nodes:
            self._make()
        tables, chart = self._nodes[:2], self._nodes[-2]
        for table, shown in zip(tables, (rows, [row for row in (chosen,) if row is not None]), strict=True):
            points = shown if len(shown) > 1 else [*shown, *shown]  # VTK complains about a line of one point
            lines = (
                column(line.words, float, (getattr(row, line.name) for row in points)) for line in self._lines
            )
            set_columns(table, [column(EPOCH, int, (row.epoch for row in points)), *lines])
        values = [getattr(row, line.name) for row in rows for line in self._lines]
        positive = all(value > 0 for value in values if math.isfinite(value))
        chart.SetYAxisLogScale(logarithmic and positive)
        self._view.fitToContent()  # which sets the ranges of both axes
        chart.SetXAxisRange(0, max(1, epochs - 1, rows[-1].epoch))

    @property
    def series(self) -> list[Any]:
        """The nodes of its lines, and of the mark, once there was something to show."""
        return self._nodes[2:-2]

    @property
    def node(self) -> Any:
        """The chart's node, once there was something to show."""
        return self._nodes[-2]

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

    def _make(self) -> None:
        if self._view is None:
            self._view = slicer.qMRMLPlotView()
            self._view.setMRMLScene(slicer.mrmlScene)
            self._view.setMinimumHeight(HEIGHT)
            self._parent.layout().addWidget(self._view)
        tables = [
            add_hidden_node(slicer.mrmlScene, "vtkMRMLTableNode", f"SegAE training {self._title}{part}")
            for part in ("", " chosen")
        ]
        chart = add_hidden_node(
            slicer.mrmlScene, "vtkMRMLPlotChartNode", f"SegAE training {self._title} chart"
        )
        series = [self._series(line, tables[0]) for line in self._lines]
        if self._marks:
            series.append(self._mark(self._lines[0], tables[1]))
        for node in series:
            chart.AddAndObservePlotSeriesNodeID(node.GetID())
        chart.SetTitle(self._title)
        chart.SetXAxisTitle(_("Epoch"))
        chart.SetXAxisRangeAuto(False)
        chart.SetLegendVisibility(len(self._lines) > 1)  # it would hide a mark
        view = add_hidden_node(slicer.mrmlScene, "vtkMRMLPlotViewNode", f"SegAE training {self._title} view")
        view.SetPlotChartNodeID(chart.GetID())
        self._view.setMRMLPlotViewNode(view)
        self._nodes = [*tables, *series, chart, view]

    def _series(self, line: Line, table: Any) -> Any:
        node = add_hidden_node(slicer.mrmlScene, "vtkMRMLPlotSeriesNode", line.words)
        node.SetAndObserveTableNodeID(table.GetID())
        node.SetXColumnName(EPOCH)
        node.SetYColumnName(line.words)
        node.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        node.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleCircle)
        node.SetColor(*line.colour)
        return node

    def _mark(self, line: Line, table: Any) -> Any:
        node = self._series(line, table)
        node.SetName(_("epoch of the model"))
        node.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleDiamond)
        node.SetMarkerSize(MARK_SIZE)
        node.SetLineStyle(slicer.vtkMRMLPlotSeriesNode.LineStyleNone)
        node.SetColor(0.75, 0.1, 0.1)
        return node


class Curves:
    """Loss, correlation and error, one chart above the other, as they have different units; away while there
    is nothing to show."""

    def __init__(self, parent: Widget) -> None:
        self._parent = parent
        blue, orange, green = (0.12, 0.38, 0.72), (0.88, 0.42, 0.08), (0.15, 0.55, 0.25)
        losses = (Line("train_loss", _("training"), blue), Line("val_loss", _("validation"), orange))
        lcc, mae = Line("val_lcc", _("LCC"), green), Line("val_mae", _("MAE"), blue)
        self.charts = (
            CurveChart(parent, _("Loss"), losses),
            CurveChart(parent, _("LCC on validation scans"), (lcc,), marks=True),
            CurveChart(parent, _("Mean absolute error on validation scans"), (mae,), marks=True),
        )

    def show(
        self, rows: Sequence[EpochFigures], epochs: int, chosen: EpochFigures | None, *, logarithmic: bool
    ) -> None:
        """Show the rows that there are of `epochs` epochs; `logarithmic`: the axis of the loss."""
        self._parent.setVisible(bool(rows))
        for chart in self.charts if rows else ():
            chart.show(rows, epochs, chosen, logarithmic and chart is self.charts[0])

    def forget(self) -> None:
        for chart in self.charts:
            chart.forget()

    def close(self) -> None:
        for chart in self.charts:
            chart.close()
