# ruff: noqa: N801, N802, N815 (the names are Slicer's and Qt's)
"""`slicer.app.coreIOManager()`: with it slicer.util.loadVolume, saveNode, saveScene ... run unchanged."""

import time
from pathlib import Path
from typing import Any

import vtk
from PySide6 import QtCore

from .mrml_core import MrmlCore
from .widget_base import stand_in

SCENE_SUFFIXES = (".mrml", ".mrb")
TABLE_SUFFIXES = (".csv", ".tsv")


@stand_in
class qSlicerCoreIOManager(QtCore.QObject):
    """Chooses a reader by file name and reads straight through the module logics."""

    newFileLoaded = QtCore.Signal(object)

    def __init__(self, core: MrmlCore) -> None:
        super().__init__()
        self._core = core
        self._readers = {
            "VolumeFile": self._read_volume,
            "SegmentationFile": self._read_segmentation,
            "TableFile": self._read_table,
        }

    def fileType(self, path: Any) -> str:
        """Slicer's name of the file's type."""
        name = Path(path).name.lower()
        if name.endswith(SCENE_SUFFIXES):
            return "SceneFile"
        if ".seg." in name:
            return "SegmentationFile"
        return "TableFile" if name.endswith(TABLE_SUFFIXES) else "VolumeFile"

    def loadNodes(self, kind: str, properties: dict[str, Any], nodes: Any, messages: Any = None) -> bool:
        """Read the file `properties["fileName"]`; the new node is appended to the vtkCollection `nodes`."""
        path = Path(properties["fileName"])
        if not path.is_file():
            return self._fail(messages, f"{path}: no such file")
        if kind == "SceneFile":
            return self._read_scene(path, bool(properties.get("clear", False)))
        if kind not in self._readers:
            return self._fail(messages, f"the test bed has no reader for {kind}")
        node = self._readers[kind](path, properties.get("name") or path.name.split(".")[0], properties)
        if node is None:
            return self._fail(messages, f"{path}: could not be read as {kind}")
        nodes.AddItem(node)
        return True

    def _fail(self, messages: Any, text: str) -> bool:
        if messages is not None:
            messages.AddMessage(vtk.vtkCommand.ErrorEvent, text)
        return False

    def _read_scene(self, path: Path, clear: bool) -> bool:
        scene = self._core.scene
        handled = scene.AddObserver(scene.NodeAddedEvent, self._handle_events)
        try:
            if path.suffix == ".mrb":
                return bool(scene.ReadFromMRB(str(path), clear))
            scene.SetURL(str(path))
            return bool(scene.Connect() if clear else scene.Import())
        finally:
            scene.RemoveObserver(handled)

    def _handle_events(self, scene: Any, _event: str) -> None:
        """Slicer handles events and timers in the middle of an import, when half of the scene is there."""
        if scene.IsImporting():
            time.sleep(0.005)
            QtCore.QCoreApplication.processEvents()

    def _read_volume(self, path: Path, name: str, properties: dict[str, Any]) -> Any:
        labels = bool(properties.get("labelmap", False))
        node = self._core.logics["Volumes"].AddArchetypeVolume(str(path), name, int(labels))
        if node is not None and properties.get("show", True):
            self._show(node, labels)
        return node

    def _show(self, node: Any, labels: bool) -> None:
        """A loaded volume becomes the background (or label layer) of all views, as in the application."""
        selection = self._core.application_logic.GetSelectionNode()
        set_active = selection.SetActiveLabelVolumeID if labels else selection.SetActiveVolumeID
        set_active(node.GetID())
        self._core.application_logic.PropagateVolumeSelection()

    def _read_segmentation(self, path: Path, name: str, properties: dict[str, Any]) -> Any:
        return self._core.logics["Segmentations"].LoadSegmentationFromFile(str(path), True, name)

    def _read_table(self, path: Path, name: str, properties: dict[str, Any]) -> Any:
        scene = self._core.scene
        storage = scene.AddNewNodeByClass("vtkMRMLTableStorageNode")
        storage.SetFileName(str(path))
        node = scene.AddNewNodeByClass("vtkMRMLTableNode", name)
        if not storage.ReadData(node):
            scene.RemoveNode(node)
            scene.RemoveNode(storage)
            return None
        node.SetAndObserveStorageNodeID(storage.GetID())
        return node

    def fileWriterFileType(self, node: Any) -> str:
        """Slicer's name of the writer for a node; here its class name."""
        return node.GetClassName()

    def saveNodes(self, kind: str, properties: dict[str, Any], messages: Any = None) -> bool:
        """Write one node, or the scene (.mrb with its data; .mrml without)."""
        path = str(properties["fileName"])
        if kind == "SceneFile":
            return bool(
                self._core.scene.WriteToMRB(path) if path.endswith(".mrb") else self._core.scene.Commit(path)
            )
        node = self._core.scene.GetNodeByID(properties["nodeID"])
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode(path)
        node.GetStorageNode().SetFileName(path)
        return bool(node.GetStorageNode().WriteData(node))
