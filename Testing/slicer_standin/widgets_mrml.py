# ruff: noqa: N801, N802, N815 (the names are Slicer's and Qt's)
"""Stand-ins for qMRML widgets that are about nodes. They look at the real scene of slicer-core."""

from typing import Any

from PySide6 import QtCore, QtWidgets

from .observers import WeakObservers, weak
from .untyped import slicer
from .widget_base import plain_property, qt_property, stand_in
from .widgets_ctk import ctkSliderWidget

SCENE_CHANGED = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged(PyObject)"}


@stand_in
class qMRMLWidget(QtWidgets.QWidget):
    """Widget with a scene; a .ui file's root passes it on through `mrmlSceneChanged`."""

    mrmlSceneChanged = QtCore.Signal(object)
    cpp_signals = SCENE_CHANGED

    def mrmlScene(self) -> Any:
        """The scene, None before it was set."""
        return getattr(self, "_scene", None)

    def setMRMLScene(self, scene: Any) -> None:
        """Take the scene and tell the widgets connected to `mrmlSceneChanged`."""
        if scene is not self.mrmlScene():
            self._scene = scene
            self._scene_was_set()
            self.mrmlSceneChanged.emit(scene)

    def _scene_was_set(self) -> None:
        """For subclasses."""


@stand_in
class qSlicerWidget(qMRMLWidget):
    """The application's base of module panels."""


@stand_in
class qMRMLSortFilterProxyModel(QtCore.QObject):
    """The part of the selector's filter that modules use: `hiddenNodeIDs` is a property (guide 17)."""

    def __init__(self, owner: Any) -> None:
        super().__init__(owner)
        self._owner = owner

    def _changed(self) -> None:
        self._owner.refill()

    hiddenNodeIDs = plain_property("QStringList", "hiddenNodeIDs", [], _changed)

    def invalidate(self) -> None:
        """Filter again, e.g. after HideFromEditors of a node changed."""
        self._owner.refill()


@stand_in
class qMRMLNodeComboBox(qMRMLWidget):
    """Selector of one node of the scene.

    Without `noneEnabled` the first suitable node becomes current by itself. HideFromEditors changed later
    does not refresh a selector that exists already (guide 17.2): call
    ``sortFilterProxyModel().invalidate()``.
    """

    currentNodeChanged = QtCore.Signal(object)
    _validNodeChanged = QtCore.Signal(bool)
    currentNodeIDChanged = QtCore.Signal(str)
    nodeAdded = QtCore.Signal(object)
    nodeAddedByUser = QtCore.Signal(object)
    nodeActivated = QtCore.Signal(object)
    nodeAboutToBeRemoved = QtCore.Signal(object)
    cpp_signals = {  # noqa: RUF012
        "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged(PyObject)",
        "currentNodeChanged(bool)": "_validNodeChanged(bool)",
        "nodeAdded(vtkMRMLNode*)": "nodeAdded(PyObject)",
        "nodeAddedByUser(vtkMRMLNode*)": "nodeAddedByUser(PyObject)",
        "nodeActivated(vtkMRMLNode*)": "nodeActivated(PyObject)",
        "nodeAboutToBeRemoved(vtkMRMLNode*)": "nodeAboutToBeRemoved(PyObject)",
    }
    WATCHED = (
        "NodeAddedEvent",
        "NodeRemovedEvent",
        "EndCloseEvent",
        "EndImportEvent",
        "EndBatchProcessEvent",
    )

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._nodes: list[Any] = []
        self._current: Any = None
        self._attributes: list[tuple[str, str, str | None]] = []
        self._observers = WeakObservers()
        self._proxy = qMRMLSortFilterProxyModel(self)
        self._box: Any = QtWidgets.QComboBox(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self._box.connect("activated(int)", weak(self._user_chose))
        self.destroyed.connect(weak(self._stop_watching))

    def refill(self) -> None:
        """Read the suitable nodes from the scene, correct the current one. (Not part of Slicer's class.)"""
        scene = self.mrmlScene()
        if scene is None:
            return
        all_nodes = [scene.GetNthNode(i) for i in range(scene.GetNumberOfNodes())]
        known, self._nodes = self._nodes, [n for n in all_nodes if self._suits(n)]
        self._show_items()
        for node in self._nodes:
            if node not in known:
                self.nodeAdded.emit(node)
        if self._current is not None and self._current not in self._nodes:
            self._make_current(self._nodes[0] if self._nodes and not self._none_enabled() else None)
        elif self._current is None and self._nodes and not self._none_enabled():
            self._make_current(self._nodes[0])

    nodeTypes = plain_property("QStringList", "nodeTypes", [], refill)
    hideChildNodeTypes = plain_property("QStringList", "hideChildNodeTypes", [], refill)
    showChildNodeTypes = plain_property(bool, "showChildNodeTypes", True, refill)
    showHidden = plain_property(bool, "showHidden", False, refill)
    noneEnabled = plain_property(bool, "noneEnabled", False, refill)
    noneDisplay = plain_property(str, "noneDisplay", "None", refill)
    addEnabled = plain_property(bool, "addEnabled", True)
    removeEnabled = plain_property(bool, "removeEnabled", True)
    editEnabled = plain_property(bool, "editEnabled", False)
    renameEnabled = plain_property(bool, "renameEnabled", False)
    baseName = plain_property(str, "baseName", "")
    selectNodeUponCreation = plain_property(bool, "selectNodeUponCreation", True)
    interactionNodeSingletonTag = plain_property(str, "interactionNodeSingletonTag", "")

    def _none_enabled(self) -> bool:
        return getattr(self, "_noneEnabled", False)

    def _stop_watching(self, *_: Any) -> None:
        self._observers.clear()

    def _scene_was_set(self) -> None:
        self._stop_watching()
        scene = self.mrmlScene()
        if scene is not None:
            for name in self.WATCHED:
                self._observers.add(scene, getattr(slicer.vtkMRMLScene, name), self._scene_changed)
        self.refill()

    def _scene_changed(self, *_: Any) -> None:
        scene = self.mrmlScene()
        if not scene.IsBatchProcessing() and not scene.IsClosing():
            self.refill()

    def _suits(self, node: Any) -> bool:
        kinds, unwanted = getattr(self, "_nodeTypes", []), getattr(self, "_hideChildNodeTypes", [])
        with_children = getattr(self, "_showChildNodeTypes", True)
        of_kind = any(node.IsA(k) if with_children else node.GetClassName() == k for k in kinds)
        shown = getattr(self, "_showHidden", False) or not node.GetHideFromEditors()
        hidden_ids = getattr(self._proxy, "_hiddenNodeIDs", [])
        if not (of_kind and shown) or node.GetID() in hidden_ids or any(node.IsA(k) for k in unwanted):
            return False
        rules = [(key, value) for kind, key, value in self._attributes if node.IsA(kind)]
        return all(
            node.GetAttribute(k) is not None if v is None else node.GetAttribute(k) == v for k, v in rules
        )

    def _show_items(self) -> None:
        self._box.clear()
        if self._none_enabled() or not self._nodes:
            self._box.addItem(getattr(self, "_noneDisplay", "None"), "")
        for node in self._nodes:
            self._box.addItem(node.GetName(), node.GetID())
        self._box.setCurrentIndex(max(0, self._box.findData(self._get_id())))

    def _user_chose(self, index: int) -> None:
        self._set_id(self._box.itemData(index))
        self.nodeActivated.emit(self._current)

    def _make_current(self, node: Any) -> None:
        if node is self._current:
            return
        self._current = node
        self._box.setCurrentIndex(max(0, self._box.findData(self._get_id())))
        self.currentNodeChanged.emit(node)
        self._validNodeChanged.emit(node is not None)
        self.currentNodeIDChanged.emit(self._get_id())

    def _get_id(self) -> str:
        return self._current.GetID() if self._current is not None else ""

    def _set_id(self, node_id: str) -> None:
        self._make_current(next((n for n in self._nodes if n.GetID() == node_id), None))

    currentNodeID = qt_property(str, _get_id, _set_id)

    def currentNode(self) -> Any:
        """The chosen node or None."""
        return self._current

    def setCurrentNode(self, node: Any) -> None:
        """Choose a node, or the one with this id; None and unsuitable nodes give no node."""
        self._set_id(node if isinstance(node, str) else node.GetID() if node is not None else "")

    def setCurrentNodeIndex(self, index: int) -> None:
        """Choose the n-th node shown."""
        self._make_current(self._nodes[index])

    def nodeCount(self) -> int:
        """How many nodes are shown."""
        return len(self._nodes)

    def nodeFromIndex(self, index: int) -> Any:
        """The n-th node shown, or None."""
        return self._nodes[index] if 0 <= index < len(self._nodes) else None

    def sortFilterProxyModel(self) -> qMRMLSortFilterProxyModel:
        """The filter, for `hiddenNodeIDs`."""
        return self._proxy

    def addAttribute(self, node_type: str, name: str, value: str | None = None) -> None:
        """Show only nodes with this attribute (and value); nodes added here get it."""
        self._attributes.append((node_type, name, value))
        self.refill()

    def removeAttribute(self, node_type: str, name: str) -> None:
        """Undo `addAttribute`."""
        self._attributes = [a for a in self._attributes if a[:2] != (node_type, name)]
        self.refill()

    def addNode(self, node_type: str | None = None) -> Any:
        """As the user's "Create new": a node of the first type, with the base name and attributes."""
        kinds, base = getattr(self, "_nodeTypes", []), getattr(self, "_baseName", "")
        scene = self.mrmlScene()
        name = scene.GenerateUniqueName(base) if base else ""
        node = scene.AddNewNodeByClass(node_type or kinds[0], name)
        for kind, key, value in self._attributes:
            if node.IsA(kind):
                node.SetAttribute(key, value or "")
        self.refill()
        self._make_current(node)
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self) -> None:
        """Take the chosen node out of the scene."""
        self.mrmlScene().RemoveNode(self._current)


@stand_in
class qMRMLSliderWidget(ctkSliderWidget):
    """Slider that knows the scene's units; here without units."""

    mrmlSceneChanged = QtCore.Signal(object)
    cpp_signals = SCENE_CHANGED
    quantity = plain_property(str, "quantity", "")

    def setMRMLScene(self, scene: Any) -> None:
        """Take the scene."""
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self) -> Any:
        """The scene, None before it was set."""
        return getattr(self, "_scene", None)


CLASSES = (qMRMLWidget, qSlicerWidget, qMRMLSortFilterProxyModel, qMRMLNodeComboBox, qMRMLSliderWidget)
