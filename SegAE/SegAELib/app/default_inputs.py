"""Which segmentation and which CT the user most likely means."""

from __future__ import annotations

from SegAELib.mrml.binding import Node, Scene, SegmentationNode, VolumeNode, nodes_of_class, slicer
from SegAELib.mrml.guards import OVERLAY_ATTRIBUTE


def default_segmentation(scene: Scene) -> SegmentationNode | None:
    """What the Segment Editor works on, else the first one that is shown, else the first one."""
    found = [
        n for n in nodes_of_class(scene, "vtkMRMLSegmentationNode") if not n.GetAttribute(OVERLAY_ATTRIBUTE)
    ]
    edited = _edited(scene, "GetSegmentationNode")
    if edited in found:
        return edited
    shown = (n for n in found if n.GetDisplayNode() is not None and n.GetDisplayNode().GetVisibility())
    return next(shown, found[0] if found else None)


def default_volume(scene: Scene, segmentation: SegmentationNode | None) -> VolumeNode | None:
    """The CT of a segmentation.

    Its reference volume; else what the Segment Editor shows under it; else the background of a slice view;
    else the first scalar volume of the scene.
    """
    found = [n for n in nodes_of_class(scene, "vtkMRMLScalarVolumeNode") if _is_ct(n)]
    candidates = [reference_of(segmentation)]
    if segmentation is not None and _edited(scene, "GetSegmentationNode") is segmentation:
        candidates.append(_edited(scene, "GetSourceVolumeNode"))
    for composite in nodes_of_class(scene, "vtkMRMLSliceCompositeNode"):
        candidates.append(scene.GetNodeByID(composite.GetBackgroundVolumeID() or ""))
    return next((n for n in (*candidates, *found) if n is not None and n in found), None)


def _is_ct(node: Node) -> bool:
    return node.GetClassName() == "vtkMRMLScalarVolumeNode" and not node.GetHideFromEditors()


def reference_of(segmentation: SegmentationNode | None) -> VolumeNode | None:
    """The volume that a segmentation was drawn on, when it says so."""
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    return None if segmentation is None else segmentation.GetNodeReference(role)


def _edited(scene: Scene, getter: str) -> Node | None:
    editor = scene.GetFirstNodeByClass("vtkMRMLSegmentEditorNode")
    return None if editor is None else getattr(editor, getter)()
