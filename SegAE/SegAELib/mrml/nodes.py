"""Nodes that can be scored, the reason why others cannot, and the nodes that the user most likely means."""

from __future__ import annotations

from segae.errors import InputError
from SegAELib.mrml.binding import Node, Scene, SegmentationNode, VolumeNode, nodes_of_class, slicer

OVERLAY_ATTRIBUTE = "SegAE.Overlay"  # marks the colours that SegAE itself drew


def require_in_scene(node: Node, role: str) -> Node:
    """`node` itself; raises `InputError` when it is None or was removed from its scene.

    `role` names it for the user: "the CT", "the segmentation".
    """
    if node is None:
        raise InputError(f"There is no node for {role}; choose one.")
    if node.GetScene() is None:
        raise InputError(
            f'{_capital(role)} "{node.GetName()}" was removed from the scene; choose another one.'
        )
    return node


def require_segmentation(node: SegmentationNode) -> SegmentationNode:
    """A segmentation that a user owns; raises `InputError` for a missing one and for SegAE's own colours."""
    require_in_scene(node, "the segmentation")
    if node.GetAttribute(OVERLAY_ATTRIBUTE):
        raise InputError(
            f'"{node.GetName()}" shows the scores of another segmentation; choose the segmentation itself.'
        )
    return node


def require_volume(node: VolumeNode) -> VolumeNode:
    """A scalar volume with voxels; raises `InputError` otherwise."""
    require_in_scene(node, "the CT")
    if not node.IsA("vtkMRMLScalarVolumeNode") or node.IsA("vtkMRMLLabelMapVolumeNode"):
        raise InputError(
            f'"{node.GetName()}" is not a CT but a {node.GetNodeTagName()} node; choose a scalar volume.'
        )
    image = node.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0 or image.GetPointData().GetScalars() is None:
        raise InputError(f'Volume "{node.GetName()}" has no voxels; load it again.')
    if image.GetNumberOfScalarComponents() != 1:
        raise InputError(
            f'Volume "{node.GetName()}" has {image.GetNumberOfScalarComponents()} values per voxel; '
            "choose a CT."
        )
    return node


def require_linear_transform(node: Node) -> None:
    """Raises `InputError` when a parent transform bends `node`, so that no affine describes where it lies."""
    transform = node.GetParentTransformNode()
    if transform is not None and not transform.IsTransformToWorldLinear():
        raise InputError(
            f'"{node.GetName()}" lies under the non-linear transform "{transform.GetName()}"; harden '
            "that transform (Data module, right click on the node) or take the node out of it."
        )


def reference_volume(node: SegmentationNode) -> VolumeNode:
    """The volume that a segmentation was drawn on; raises `InputError` when the segmentation names none."""
    require_segmentation(node)
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    volume = node.GetNodeReference(role)
    if volume is None:
        raise InputError(
            f'Segmentation "{node.GetName()}" names no reference volume; choose the CT it belongs to.'
        )
    return require_volume(volume)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


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


def default_volume(
    scene: Scene, segmentation: SegmentationNode | None, current: VolumeNode | None = None
) -> VolumeNode | None:
    """The CT of a segmentation.

    Its reference volume; else what the Segment Editor shows under it. Else one that holds as much of it as
    any other does: `current`, the background of a slice view, or the first of the scene.
    """
    found = [n for n in nodes_of_class(scene, "vtkMRMLScalarVolumeNode") if _is_ct(n)]
    named = [reference_of(segmentation)]
    if segmentation is not None and _edited(scene, "GetSegmentationNode") is segmentation:
        named.append(_edited(scene, "GetSourceVolumeNode"))
    shown = [
        scene.GetNodeByID(composite.GetBackgroundVolumeID() or "")
        for composite in nodes_of_class(scene, "vtkMRMLSliceCompositeNode")
    ]
    shares = {id(n): _share_inside(segmentation, n) for n in found}
    best = max(shares.values(), default=0.0)
    guessed = [
        n for n in (current, *shown, *found) if n is not None and shares.get(id(n), 0.0) >= 0.99 * best
    ]
    return next((n for n in (*named, *guessed) if n is not None and n in found), None)


def _share_inside(segmentation: SegmentationNode | None, volume: VolumeNode) -> float:
    """Share (0..1) of the box round a segmentation that lies inside of the box round a volume, both in the
    world."""
    if segmentation is None:
        return 0.0
    masks, voxels = [0.0] * 6, [0.0] * 6
    segmentation.GetRASBounds(masks)
    volume.GetRASBounds(voxels)
    share = 1.0
    for low, high, begin, end in zip(masks[::2], masks[1::2], voxels[::2], voxels[1::2], strict=True):
        if high <= low:  # nothing was segmented
            return 0.0
        share *= max(0.0, min(high, end) - max(low, begin)) / (high - low)
    return share


def _is_ct(node: Node) -> bool:
    return node.GetClassName() == "vtkMRMLScalarVolumeNode" and not node.GetHideFromEditors()


def reference_of(segmentation: SegmentationNode | None) -> VolumeNode | None:
    """The volume that a segmentation was drawn on, when it says so."""
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    return None if segmentation is None else segmentation.GetNodeReference(role)


def _edited(scene: Scene, getter: str) -> Node | None:
    editor = scene.GetFirstNodeByClass("vtkMRMLSegmentEditorNode")
    return None if editor is None else getattr(editor, getter)()


def add_hidden_node(scene: Scene, class_name: str, name: str) -> Node:
    """A new node of a scene that is not saved with it and not listed."""
    node = scene.CreateNodeByClass(class_name)
    node.UnRegister(None)
    node.SetName(name)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    return scene.AddNode(node)
