# ruff: noqa: N801, N802, N815 (the names are Slicer's and Qt's)
"""The Segment Editor's panel, as far as another module steers it (guide 17.7); it cannot paint."""

import types
from typing import Any

from PySide6 import QtCore, QtWidgets

from .untyped import slicer
from .widget_base import stand_in
from .widgets_mrml import SCENE_CHANGED, qMRMLWidget, qSlicerWidget
from .widgets_segments import qMRMLSegmentsTableView

EFFECTS = (
    "Threshold",
    "Paint",
    "Draw",
    "Erase",
    "Level tracing",
    "Grow from seeds",
    "Fill between slices",
    "Margin",
)
EFFECTS += ("Hollow", "Smoothing", "Scissors", "Islands", "Logical operators", "Mask volume")


@stand_in
class qMRMLSegmentEditorWidget(qMRMLWidget):
    """Keeps its state in the scene's segment editor node, as Slicer does, and shows the segments."""

    mrmlSceneChanged = QtCore.Signal(object)
    currentSegmentIDChanged = QtCore.Signal(str)
    segmentationNodeChanged = QtCore.Signal(object)
    sourceVolumeNodeChanged = QtCore.Signal(object)
    cpp_signals = SCENE_CHANGED | {
        "segmentationNodeChanged(vtkMRMLSegmentationNode*)": "segmentationNodeChanged(PyObject)",
        "sourceVolumeNodeChanged(vtkMRMLVolumeNode*)": "sourceVolumeNodeChanged(PyObject)",
    }

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._table: Any = qMRMLSegmentsTableView(self)
        self._effect = ""
        self._states: list[Any] = []
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(self._table)

    def mrmlSegmentEditorNode(self) -> Any:
        """The scene's vtkMRMLSegmentEditorNode, made when first needed."""
        scene = slicer.mrmlScene
        node = scene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        if node is None:
            node = slicer.vtkMRMLSegmentEditorNode()
            node.SetSingletonTag("SegmentEditor")
            node = scene.AddNode(node)
        return node

    def segmentationNode(self) -> Any:
        """What is edited, or None."""
        return self.mrmlSegmentEditorNode().GetSegmentationNode()

    def setSegmentationNode(self, node: Any) -> None:
        """Edit this segmentation; its first segment becomes the current one."""
        if node is self.segmentationNode():
            return
        editor = self.mrmlSegmentEditorNode()
        editor.SetAndObserveSegmentationNode(node)
        self._table.setSegmentationNode(node)
        ids = node.GetSegmentation().GetSegmentIDs() if node is not None else ()
        self.segmentationNodeChanged.emit(node)
        self.setCurrentSegmentID(ids[0] if ids else "")

    def sourceVolumeNode(self) -> Any:
        """The volume edited on, or None."""
        return self.mrmlSegmentEditorNode().GetSourceVolumeNode()

    def setSourceVolumeNode(self, node: Any) -> None:
        """Edit on this volume."""
        self.mrmlSegmentEditorNode().SetAndObserveSourceVolumeNode(node)
        self.sourceVolumeNodeChanged.emit(node)

    def currentSegmentID(self) -> str:
        """Id of the segment being edited, "" for none."""
        return self.mrmlSegmentEditorNode().GetSelectedSegmentID() or ""

    def setCurrentSegmentID(self, segment_id: str) -> None:
        """Edit this segment; an unknown id gives an empty selection without an error (guide 17.7)."""
        node = self.segmentationNode()
        known = node is not None and node.GetSegmentation().GetSegment(segment_id) is not None
        self.mrmlSegmentEditorNode().SetSelectedSegmentID(segment_id if known else "")
        self._table.setSelectedSegmentIDs([segment_id] if known else [])
        self.currentSegmentIDChanged.emit(self.currentSegmentID())

    def saveStateForUndo(self) -> None:
        """Keep the segments as they are now."""
        state = slicer.vtkSegmentation()
        state.DeepCopy(self.segmentationNode().GetSegmentation())
        self._states.append(state)

    def undo(self) -> None:
        """Back to the state that was kept last, segment by segment as Slicer's history does."""
        if self._states:
            state, segments = self._states.pop(), self.segmentationNode().GetSegmentation()
            for segment_id in state.GetSegmentIDs():
                segments.GetSegment(segment_id).DeepCopy(state.GetSegment(segment_id))
                segments.GetSegment(segment_id).Modified()

    def activeEffect(self) -> Any:
        """The effect in use (with a `name`), or None."""
        return types.SimpleNamespace(name=self._effect) if self._effect else None

    def setActiveEffect(self, effect: Any) -> None:
        """Use an effect, or none for None."""
        self._effect = effect.name if effect is not None else ""

    def setActiveEffectByName(self, name: str) -> None:
        """Use the effect of this name; "" for none.

        Raises:
            ValueError: Slicer has no effect of that name.
        """
        if name and name not in EFFECTS:
            raise ValueError(f"no segment editor effect {name!r}; there are {', '.join(EFFECTS)}")
        self._effect = name


@stand_in
class SegmentEditorPanel(qSlicerWidget):
    """``slicer.modules.segmenteditor.widgetRepresentation()``: its ``self().editor`` is the editor widget."""

    mrmlSceneChanged = QtCore.Signal(object)
    cpp_signals = SCENE_CHANGED

    def __init__(self) -> None:
        super().__init__()
        self._editor = qMRMLSegmentEditorWidget(self)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(self._editor)

    def self(self) -> Any:
        """The Python panel: an object with `editor`."""
        return types.SimpleNamespace(editor=self._editor)

    def enter(self) -> None:
        """Nothing to do."""

    def exit(self) -> None:
        """Nothing to do."""


CLASSES = (qMRMLSegmentEditorWidget,)
