"""What SegAE draws over the user's segments: a hidden segmentation whose segments share one labelmap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk

from segae.geometry.box import Box
from SegAELib.mrml.binding import BINARY_LABELMAP, OrientedImage, SegmentationNode, VolumeNode, slicer
from SegAELib.mrml.matrices import ijk_to_node, to_vtk
from SegAELib.mrml.nodes import OVERLAY_ATTRIBUTE
from SegAELib.mrml.score_bins import Colour


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
) -> SegmentationNode:
    """A node over `segmentation`, hidden before it enters the scene and not saved with it.

    Hidden first, no list and no subject hierarchy ever sees it, so a saved scene has no dead entry of it.
    """
    scene = segmentation.GetScene()
    node = scene.CreateNodeByClass("vtkMRMLSegmentationNode")
    node.UnRegister(None)
    node.SetName(name)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    node.SetAttribute(OVERLAY_ATTRIBUTE, segmentation.GetID())
    content = node.GetSegmentation()
    content.SetSourceRepresentationName(BINARY_LABELMAP)
    for value, part in enumerate(parts, start=1):
        segment = slicer.vtkSegment()
        segment.SetName(part.name)
        segment.SetColor(*part.colour)
        segment.SetLabelValue(value)
        segment.AddRepresentation(BINARY_LABELMAP, image)
        content.AddSegment(segment, part.segment_id)
    scene.AddNode(node)
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetSaveWithScene(False)
    display.SetVisibility3D(False)
    display.SetVisibility2DOutline(False)
    display.SetOpacity2DFill(1.0)
    return node


def is_alive(node: SegmentationNode | None) -> bool:
    """Whether the node still is in a scene: the user may delete it, or close the scene."""
    return node is not None and node.GetScene() is not None


def keep_overlay(node: SegmentationNode | None, keep: bool) -> None:
    """Save a living overlay with the scene, visible in lists, or neither."""
    if node is not None and is_alive(node):
        for part in (node, node.GetDisplayNode()):
            part.SetSaveWithScene(keep)
        node.SetHideFromEditors(not keep)


def remove_overlay(node: SegmentationNode | None, image: OrientedImage) -> None:
    """Take a living overlay out of its scene."""
    if node is None or not is_alive(node):
        return
    scene, display = node.GetScene(), node.GetDisplayNode()
    image.Initialize()  # Slicer copies a shared labelmap for each segment that is removed
    scene.RemoveNode(node)
    if display is not None and display.GetScene() is not None:  # goes along in Slicer, stays without it
        scene.RemoveNode(display)
