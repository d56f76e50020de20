"""Curves over the epochs of a training, as charts in the panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from segae_trainer.train.progress import EpochFigures
from SegAELib.app.binding import Widget, _, slicer
from SegAELib.mrml.nodes import add_hidden_node
from SegAELib.mrml.results_table import column, set_columns

HEIGHT = 200
EPOCH = "epoch"
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Line:
    """`name`: of the value in `EpochFigures`; `words`: how the legend calls it."""

    name: str
    words: str
    colour: Colour


class CurveChart:
    """One chart; its view and its nodes (not saved, not listed) are made when there is something to show."""

    def __init__(self, parent: Widget, title: str, lines: Sequence[Line]) -> None:
        self._parent, self._title, self._lines = parent, title, tuple(lines)
        self._view: Widget = None
        self._nodes: list[Any] = []

    def show(self, rows: Sequence[EpochFigures], epochs: int) -> None:
        """Show these of `epochs` epochs, at least one."""
        if any(node.GetScene() is None for node in self._nodes):
            self.close()
        if not self._nodes:
            self._make()
        self._nodes[-2].SetXAxisRange(0, max(1, epochs - 1, rows[-1].epoch))
        points = rows if len(rows) > 1 else [*rows, *rows]  # VTK complains about a line of one point
        lines = (
            column(line.words, float, (getattr(row, line.name) for row in points)) for line in self._lines
        )
        set_columns(self._nodes[0], [column(EPOCH, int, (row.epoch for row in points)), *lines])
        self._view.fitToContent()

    @property
    def series(self) -> list[Any]:
        """The nodes of its lines, once there was something to show."""
        return self._nodes[1:-2]

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
        table = add_hidden_node(slicer.mrmlScene, "vtkMRMLTableNode", f"SegAE training {self._title}")
        chart = add_hidden_node(
            slicer.mrmlScene, "vtkMRMLPlotChartNode", f"SegAE training {self._title} chart"
        )
        series = [self._series(line, table) for line in self._lines]
        for node in series:
            chart.AddAndObservePlotSeriesNodeID(node.GetID())
        chart.SetTitle(self._title)
        chart.SetXAxisTitle(_("Epoch"))
        chart.SetXAxisRangeAuto(False)
        chart.SetLegendVisibility(len(series) > 1)
        view = add_hidden_node(slicer.mrmlScene, "vtkMRMLPlotViewNode", f"SegAE training {self._title} view")
        view.SetPlotChartNodeID(chart.GetID())
        self._view.setMRMLPlotViewNode(view)
        self._nodes = [table, *series, chart, view]

    def _series(self, line: Line, table: Any) -> Any:
        node = add_hidden_node(slicer.mrmlScene, "vtkMRMLPlotSeriesNode", line.words)
        node.SetAndObserveTableNodeID(table.GetID())
        node.SetXColumnName(EPOCH)
        node.SetYColumnName(line.words)
        node.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        node.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleCircle)
        node.SetColor(*line.colour)
        return node


class Curves:
    """Loss and correlation, one chart above the other, as they have different units; away while there is
    nothing to show."""

    def __init__(self, parent: Widget) -> None:
        self._parent = parent
        blue, orange, green = (0.12, 0.38, 0.72), (0.88, 0.42, 0.08), (0.15, 0.55, 0.25)
        losses = (Line("train_loss", _("training"), blue), Line("val_loss", _("validation"), orange))
        self.charts = (
            CurveChart(parent, _("Loss"), losses),
            CurveChart(parent, _("LCC on validation scans"), (Line("val_lcc", _("LCC"), green),)),
        )

    def show(self, rows: Sequence[EpochFigures], epochs: int) -> None:
        """Show the rows that there are of `epochs` epochs."""
        self._parent.setVisible(bool(rows))
        for chart in self.charts if rows else ():
            chart.show(rows, epochs)

    def forget(self) -> None:
        for chart in self.charts:
            chart.forget()

    def close(self) -> None:
        for chart in self.charts:
            chart.close()
