"""What SegAE draws over the user's segments: a hidden segmentation whose segments share one labelmap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk

from segae.geometry.box import Box
from SegAELib.mrml.binding import (
    BINARY_LABELMAP,
    OrientedImage,
    SegmentationNode,
    VolumeNode,
    nodes_of_class,
    slicer,
)
from SegAELib.mrml.matrices import ijk_to_node, to_vtk
from SegAELib.mrml.nodes import OVERLAY_ATTRIBUTE
from SegAELib.mrml.score_bins import Colour

_OWNER_ROLE = "SegAE.Overlay"  # a reference follows the segmentation when a scene is loaded into another


@dataclass(frozen=True)
class OverlayPart:
    """One segment of an overlay; its label value is its place in the list, counted from 1."""

    segment_id: str
    name: str
    colour: Colour


def new_image(volume: VolumeNode) -> OrientedImage:
    """A labelmap without voxels on the grid of a volume."""
    image = slicer.vtkOrientedImageData()
    image.SetImageToWorldMatrix(to_vtk(ijk_to_node(volume)))
    return image


def set_voxels(image: OrientedImage, box: Box, voxels: np.ndarray) -> None:
    """Let a labelmap reach over `box` (k, j, i), filled with `voxels` (uint8, copied)."""
    k, j, i = box
    image.SetExtent(i.start, i.stop - 1, j.start, j.stop - 1, k.start, k.stop - 1)
    scalars = numpy_to_vtk(np.ascontiguousarray(voxels, np.uint8).ravel(), deep=True)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)


def add_overlay(
    segmentation: SegmentationNode,
    volume: VolumeNode,
    image: OrientedImage,
    name: str,
    parts: Iterable[OverlayPart],
    keep: bool = False,
) -> SegmentationNode:
    """A node over `segmentation`, saved with the scene and listed only to `keep` it.

    Hidden before it enters the scene, no list and no subject hierarchy ever sees it, so a saved scene has no
    dead entry of it. An overlay of the same parts that came with a saved scene gives way. Change the node
    with `changing` only.
    """
    scene = segmentation.GetScene()
    parts = list(parts)
    for other in _overlays_of(segmentation):
        if set(other.GetSegmentation().GetSegmentIDs()) == {part.segment_id for part in parts}:
            _remove(other)
    node = scene.CreateNodeByClass("vtkMRMLSegmentationNode")
    node.UnRegister(None)
    node.SetName(name)
    node.SetAttribute(OVERLAY_ATTRIBUTE, segmentation.GetID())
    node.SetNodeReferenceID(_OWNER_ROLE, segmentation.GetID())
    content = node.GetSegmentation()
    content.SetSourceRepresentationName(BINARY_LABELMAP)
    for value, part in enumerate(parts, start=1):
        segment = slicer.vtkSegment()
        segment.SetName(part.name)
        segment.SetColor(*part.colour)
        segment.SetLabelValue(value)
        segment.AddRepresentation(BINARY_LABELMAP, image)
        content.AddSegment(segment, part.segment_id)
    display = scene.CreateNodeByClass("vtkMRMLSegmentationDisplayNode")
    display.UnRegister(None)
    display.SetVisibility3D(False)
    display.SetVisibility2DOutline(False)
    display.SetOpacity2DFill(1.0)
    for part in (node, display):
        part.SetSaveWithScene(keep)
    node.SetHideFromEditors(not keep)
    scene.AddNode(display)
    # Found before Slicer knows of the node: it looks for the subject hierarchy item of a segmentation at each
    # change of its display, and logs as critical that a hidden one has none.
    node.SetScene(scene)
    node.SetAndObserveDisplayNodeID(display.GetID())
    scene.AddNode(node)
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    return node


@contextmanager
def changing(node: SegmentationNode) -> Iterator[None]:
    """Inside, change the voxels, segments or display of a living overlay; the views are drawn afterwards.

    Slicer hears of it once, as of a change of voxels: it is the only event on which the slice views take all
    of that anew, and on which the subject hierarchy does not look for an item.
    """
    parts = (node, node.GetDisplayNode())
    for part in parts:
        part.SetDisableModifiedEvent(True)
    try:
        yield
    finally:
        for part in parts:
            part.SetDisableModifiedEvent(False)
        node.InvokeEvent(slicer.vtkSegmentation.RepresentationModified)


def is_alive(node: SegmentationNode | None) -> bool:
    """Whether the node still is in a scene: the user may delete it, or close the scene."""
    return node is not None and node.GetScene() is not None


def remove_overlay(node: SegmentationNode | None, image: OrientedImage) -> None:
    """Take a living overlay out of its scene, unless that is closing and takes it along."""
    if node is None or not is_alive(node) or node.GetScene().IsClosing():
        return
    image.Initialize()  # Slicer copies a shared labelmap for each segment that is removed
    _remove(node)


def _remove(node: SegmentationNode) -> None:
    scene, others = node.GetScene(), (node.GetDisplayNode(), node.GetStorageNode())
    node.SetDisableModifiedEvent(True)  # that its display node goes is a change of its display
    scene.RemoveNode(node)
    for other in others:  # they may go along in Slicer
        if other is not None and other.GetScene() is not None:
            scene.RemoveNode(other)
    node.SetDisableModifiedEvent(False)


def _overlays_of(segmentation: SegmentationNode) -> list[SegmentationNode]:
    nodes = nodes_of_class(segmentation.GetScene(), "vtkMRMLSegmentationNode")
    return [node for node in nodes if node.GetNodeReference(_OWNER_ROLE) is segmentation]
