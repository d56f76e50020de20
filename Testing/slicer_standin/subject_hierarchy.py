"""The subject hierarchy as the application keeps it: one item per node and segment, and its complaints.

slicer-core has the node but not Slicer's plugins, which are Qt. Reproduced are those that watch segmentations
(read in qSlicerSegmentationsModule and qSlicerSubjectHierarchySegmentationsPlugin of 5.12 and 5.13): every
segmentation of the scene is watched, hidden or not, and each change of its display or its segments asks for
its item. A node that was hidden from editors when it was added has none, which is logged as critical.
"""

from typing import Any

import vtk
from PySide6 import QtCore

from .untyped import slicer

SUPPORTED = ("vtkMRMLSegmentationNode", "vtkMRMLVolumeNode", "vtkMRMLTableNode", "vtkMRMLTransformNode")
SUPPORTED += ("vtkMRMLPlotChartNode", "vtkMRMLModelNode", "vtkMRMLMarkupsNode")
NO_ITEM = "Unable to find subject hierarchy item for segmentation node"


class SubjectHierarchy:
    """Watches one scene for the whole process."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._segment_id = slicer.vtkMRMLSegmentationNode.GetSegmentIDAttributeName()
        self._removing = False
        for event, method in (
            (scene.NodeAddedEvent, self._node_added),
            (scene.NodeAboutToBeRemovedEvent, self._node_goes),
        ):
            scene.AddObserver(event, _with_node(method))
        scene.AddObserver(scene.EndImportEvent, self._import_ended, 10.0)
        scene.AddObserver(scene.EndCloseEvent, self._closed)
        self._observe_items()

    @property
    def node(self) -> Any:
        """The scene's one vtkMRMLSubjectHierarchyNode."""
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)

    def remove(self, node: Any) -> None:
        """As "Delete" in the Data module."""
        self.node.RemoveItem(self.node.GetItemByDataNode(node), True, True)

    def remove_segment(self, node: Any, segment_id: str) -> None:
        """As "Delete" on a segment in the Data module."""
        items = self._segments_of(self.node.GetItemByDataNode(node))
        self.node.RemoveItem(items[segment_id], True, True)

    def _segments_of(self, item: int) -> dict[str, int]:
        """Items of the segments below the item of a segmentation, by segment id."""
        children = vtk.vtkIdList()
        self.node.GetItemChildren(item, children)
        ids = (children.GetId(n) for n in range(children.GetNumberOfIds()))
        return {self.node.GetItemAttribute(child, self._segment_id): child for child in ids}

    def _observe_items(self, *_: Any) -> None:
        def item_goes(_caller: Any, _event: str, item: int) -> None:
            self._item_goes(item)

        item_goes.CallDataType = vtk.VTK_LONG  # type: ignore[attr-defined]
        node = self.node
        node.AddObserver(node.SubjectHierarchyItemAboutToBeRemovedEvent, item_goes)

    def _closed(self, *_: Any) -> None:
        slicer.vtkMRMLSubjectHierarchyNode.ResolveSubjectHierarchy(self._scene)
        self._observe_items()

    def _import_ended(self, *_: Any) -> None:
        slicer.vtkMRMLSubjectHierarchyNode.ResolveSubjectHierarchy(self._scene)
        for index in range(self._scene.GetNumberOfNodes()):
            self._add(self._scene.GetNthNode(index))

    def _node_added(self, node: Any) -> None:
        if node.IsA("vtkMRMLSegmentationNode"):
            self._watch(node)
        if not self._scene.IsImporting():
            self._add(node)

    def _add(self, node: Any) -> None:
        if node.GetHideFromEditors() or not any(node.IsA(kind) for kind in SUPPORTED):
            return
        if not self.node.GetItemByDataNode(node):
            self.node.CreateItem(self.node.GetSceneItemID(), node)
        if node.IsA("vtkMRMLSegmentationNode"):
            virtual = slicer.vtkMRMLSubjectHierarchyConstants
            name = virtual.GetSubjectHierarchyVirtualBranchAttributeName()
            self.node.SetItemAttribute(self.node.GetItemByDataNode(node), name, "1")
            self._update_segments(node)

    def _watch(self, node: Any) -> None:
        kinds = slicer.vtkSegmentation
        for event in (
            kinds.SegmentAdded,
            kinds.SegmentRemoved,
            kinds.SegmentModified,
            slicer.vtkMRMLDisplayableNode.DisplayModifiedEvent,
        ):
            node.AddObserver(event, lambda caller, _event: self._update_segments(caller))

    def _update_segments(self, node: Any) -> None:
        scene = node.GetScene()
        if self._removing or (scene is not None and (scene.IsImporting() or scene.IsClosing())):
            return
        item = self.node.GetItemByDataNode(node)
        if not item:
            QtCore.qCritical(f"updateAllSegmentsFromMRML: {NO_ITEM} {node.GetName()}")
            return
        present, known = node.GetSegmentation().GetSegmentIDs(), self._segments_of(item)
        for segment_id, child in known.items():
            if segment_id and segment_id not in present:
                self.node.RemoveItem(child)
        for segment_id in present:
            name = node.GetSegmentation().GetSegment(segment_id).GetName() or ""
            if segment_id in known:
                self.node.SetItemName(known[segment_id], name)
                continue
            branch = slicer.vtkMRMLSubjectHierarchyConstants.GetSubjectHierarchyVirtualBranchAttributeName()
            child = self.node.CreateHierarchyItem(item, name, branch)
            self.node.SetItemAttribute(child, self._segment_id, segment_id)

    def _node_goes(self, node: Any) -> None:
        if self._scene.IsClosing() or node.IsA("vtkMRMLSubjectHierarchyNode"):
            return
        item = self.node.GetItemByDataNode(node)
        if item:
            self.node.RemoveItem(item, False, False)

    def _item_goes(self, item: int) -> None:
        """A segment whose item goes is taken out of its segmentation, one after the other."""
        node = self.node
        if self._scene.IsClosing() or not node.HasItemAttribute(item, self._segment_id):
            return
        segment_id = node.GetItemAttribute(item, self._segment_id)
        owner = node.GetItemDataNode(node.GetItemParent(item)) if node.GetItemParent(item) else None
        if owner is not None and owner.GetSegmentation().GetSegment(segment_id) is not None:
            self._removing, was = True, self._removing
            owner.GetSegmentation().RemoveSegment(segment_id)
            self._removing = was


def _with_node(method: Any) -> Any:
    def call(_caller: Any, _event: str, node: Any) -> None:
        method(node)

    call.CallDataType = vtk.VTK_OBJECT  # type: ignore[attr-defined]
    return call
