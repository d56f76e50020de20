# ruff: noqa: N801, N802, N815 (the names are Slicer's and Qt's)
"""Stand-ins for the widgets about the segments of one segmentation."""

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from .observers import WeakObservers, weak
from .untyped import slicer
from .widget_base import plain_property, qt_property, stand_in
from .widgets_ctk import ctkMenuButton
from .widgets_mrml import qMRMLNodeComboBox, qMRMLWidget


class SegmentWatch:
    """Calls `changed` whenever a segment of the watched segmentation comes, goes or is renamed."""

    EVENTS = ("SegmentAdded", "SegmentRemoved", "SegmentModified", "SegmentsOrderModified")

    def __init__(self, changed: Any) -> None:
        self._changed = weak(changed)
        self.node: Any = None
        self._observers = WeakObservers()

    def watch(self, node: Any) -> None:
        """Watch `node` (or nothing, for None) from now on."""
        self._observers.clear()
        self.node = node
        if node is not None:
            for name in self.EVENTS:
                self._observers.add(node, getattr(slicer.vtkSegmentation, name), self._forward)
        self._changed()

    def _forward(self, *_: Any) -> None:
        self._changed()

    def segment_ids(self) -> list[str]:
        """Ids in the segmentation's order."""
        return list(self.node.GetSegmentation().GetSegmentIDs()) if self.node is not None else []

    def segment(self, segment_id: str) -> Any:
        """The vtkSegment."""
        return self.node.GetSegmentation().GetSegment(segment_id)


@stand_in
class qMRMLSegmentsTableView(qMRMLWidget):
    """Table of segments: colour and name, with selection by id."""

    selectionChanged = QtCore.Signal(object, object)
    segmentAboutToBeModified = QtCore.Signal(str)
    cpp_signals = {  # noqa: RUF012
        "selectionChanged(QItemSelection,QItemSelection)": "selectionChanged(PyObject,PyObject)"
    }

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._watch = SegmentWatch(self._fill)
        self._filling = False
        self._table: Any = QtWidgets.QTableWidget(0, 2, self)
        self._table.setHorizontalHeaderLabels(["", "Name"])
        self._table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        self._table.connect("itemSelectionChanged()", weak(self._selection_changed))

    def _apply_options(self) -> None:
        self._table.horizontalHeader().setVisible(getattr(self, "_headerVisible", True))
        self._table.setColumnHidden(0, not getattr(self, "_colorColumnVisible", True))
        mode = QtWidgets.QAbstractItemView.SelectionMode(getattr(self, "_selectionMode", 3))
        self._table.setSelectionMode(mode)

    selectionMode = plain_property(int, "selectionMode", 3, _apply_options)
    headerVisible = plain_property(bool, "headerVisible", True, _apply_options)
    colorColumnVisible = plain_property(bool, "colorColumnVisible", True, _apply_options)
    visibilityColumnVisible = plain_property(bool, "visibilityColumnVisible", True)
    opacityColumnVisible = plain_property(bool, "opacityColumnVisible", True)
    statusColumnVisible = plain_property(bool, "statusColumnVisible", False)
    layerColumnVisible = plain_property(bool, "layerColumnVisible", False)
    filterBarVisible = plain_property(bool, "filterBarVisible", False)
    readOnly = plain_property(bool, "readOnly", False)

    def _segment_count(self) -> int:
        return len(self._watch.segment_ids())

    segmentCount = qt_property(int, _segment_count)

    def setSegmentationNode(self, node: Any) -> None:
        """Show the segments of `node`; None empties the table."""
        self._watch.watch(node)

    def segmentationNode(self) -> Any:
        """The segmentation shown."""
        return self._watch.node

    def tableWidget(self) -> Any:
        """The table inside."""
        return self._table

    def _fill(self) -> None:
        chosen, ids = self.selectedSegmentIDs(), self._watch.segment_ids()
        self._filling = True
        self._table.setRowCount(len(ids))
        for row, segment_id in enumerate(ids):
            colour, name = QtWidgets.QTableWidgetItem(), QtWidgets.QTableWidgetItem()
            colour.setBackground(QtGui.QColor.fromRgbF(*self._watch.segment(segment_id).GetColor()))
            name.setText(self._watch.segment(segment_id).GetName())
            name.setData(QtCore.Qt.ItemDataRole.UserRole, segment_id)
            self._table.setItem(row, 0, colour)
            self._table.setItem(row, 1, name)
        self.setSelectedSegmentIDs(chosen)
        self._filling = False
        if chosen != self.selectedSegmentIDs():
            self._selection_changed()

    def _selection_changed(self) -> None:
        if not self._filling:
            self.selectionChanged.emit(QtCore.QItemSelection(), QtCore.QItemSelection())

    def selectedSegmentIDs(self) -> tuple[str, ...]:
        """Ids of the selected rows, a tuple as PythonQt gives it."""
        items = [self._table.item(i.row(), 1) for i in self._table.selectionModel().selectedRows(1)]
        return tuple(i.data(QtCore.Qt.ItemDataRole.UserRole) for i in items if i is not None)

    def setSelectedSegmentIDs(self, segment_ids: Any) -> None:
        """Select exactly these rows."""
        if isinstance(segment_ids, str):
            raise ValueError("setSelectedSegmentIDs takes a list of ids, not one id")
        model, flags = self._table.selectionModel(), QtCore.QItemSelectionModel.SelectionFlag
        selection = QtCore.QItemSelection()
        for row in (self.rowForSegmentID(i) for i in segment_ids):
            if row >= 0:
                selection.select(self._table.model().index(row, 0), self._table.model().index(row, 1))
        model.select(selection, flags.ClearAndSelect)

    def clearSelection(self) -> None:
        """Select nothing."""
        self.setSelectedSegmentIDs([])

    def rowForSegmentID(self, segment_id: str) -> int:
        """Row of a segment, -1 if it is not shown."""
        ids = self._watch.segment_ids()
        return ids.index(segment_id) if segment_id in ids else -1

    def segmentIDForRow(self, row: int) -> str:
        """Segment id of a row."""
        return self._watch.segment_ids()[row]


@stand_in
class qMRMLSegmentSelectorWidget(qMRMLWidget):
    """Segmentation and one of its segments in one widget."""

    currentNodeChanged = QtCore.Signal(object)
    currentSegmentChanged = QtCore.Signal(str)
    cpp_signals = {"currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged(PyObject)"}  # noqa: RUF012

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._watch = SegmentWatch(self._fill)
        self._nodes: Any = qMRMLNodeComboBox(self)
        self._nodes.nodeTypes = ["vtkMRMLSegmentationNode"]
        self._segments: Any = QtWidgets.QComboBox(self)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._nodes)
        layout.addWidget(self._segments)
        self._nodes.connect("currentNodeChanged(vtkMRMLNode*)", weak(self._node_changed))
        self._segments.connect("currentIndexChanged(int)", weak(self._segment_changed))

    def _apply_options(self) -> None:
        self._nodes.noneEnabled = getattr(self, "_noneEnabled", False)
        self._nodes.setVisible(getattr(self, "_segmentationNodeSelectorVisible", True))

    noneEnabled = plain_property(bool, "noneEnabled", False, _apply_options)
    segmentationNodeSelectorVisible = plain_property(
        bool, "segmentationNodeSelectorVisible", True, _apply_options
    )

    def _scene_was_set(self) -> None:
        self._nodes.setMRMLScene(self.mrmlScene())

    def _node_changed(self, node: Any) -> None:
        self._watch.watch(node)
        self.currentNodeChanged.emit(node)

    def _fill(self) -> None:
        chosen = self.currentSegmentID()
        self._segments.blockSignals(True)
        self._segments.clear()
        for segment_id in self._watch.segment_ids():
            self._segments.addItem(self._watch.segment(segment_id).GetName(), segment_id)
        self._segments.setCurrentIndex(max(0, self._segments.findData(chosen)))
        self._segments.blockSignals(False)
        if self.currentSegmentID() != chosen:
            self._segment_changed()

    def _segment_changed(self, *_: Any) -> None:
        self.currentSegmentChanged.emit(self.currentSegmentID())

    def currentNode(self) -> Any:
        """The segmentation or None."""
        return self._nodes.currentNode()

    def currentNodeID(self) -> str:
        """Its id; a call in this class."""
        return self._nodes.currentNodeID

    def setCurrentNode(self, node: Any) -> None:
        """Choose the segmentation."""
        self._nodes.setCurrentNode(node)

    def setCurrentNodeID(self, node_id: str) -> None:
        """Choose the segmentation by id."""
        self._nodes.setCurrentNode(node_id)

    def currentSegmentID(self) -> str:
        """Id of the chosen segment, "" for none."""
        return self._segments.currentData or ""

    def setCurrentSegmentID(self, segment_id: str) -> None:
        """Choose a segment by id; an unknown id chooses none."""
        self._segments.setCurrentIndex(self._segments.findData(segment_id))


@stand_in
class qMRMLSegmentationShow3DButton(ctkMenuButton):
    """Makes a segmentation's surfaces and shows them in 3D, which here only sets the display node."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self.setText("Show 3D")
        self.setCheckable(True)
        self.toggled.connect(weak(self._show))

    def segmentationNode(self) -> Any:
        """The segmentation shown."""
        return self._node

    def setSegmentationNode(self, node: Any) -> None:
        """Act on this segmentation."""
        self._node = node
        self.setEnabled(node is not None)

    def _show(self, visible: bool) -> None:
        if self._node is None:
            return
        if visible:
            self._node.CreateClosedSurfaceRepresentation()
        self._node.GetDisplayNode().SetVisibility3D(visible)


CLASSES = (qMRMLSegmentsTableView, qMRMLSegmentSelectorWidget, qMRMLSegmentationShow3DButton)
