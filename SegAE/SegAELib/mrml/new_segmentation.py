"""A segmentation node of masks that were read from files: named, with terminology and reference volume."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

from segae.data import Segment, Segmentation, unique_names
from segae.errors import InputError
from segae.geometry.box import enclosing_box
from segae.io.mask_layers import MaskLayer, mask_layers
from segae.labels.terminology import terminology_for
from SegAELib.mrml.binding import BINARY_LABELMAP, Scene, SegmentationNode, VolumeNode, slicer
from SegAELib.mrml.matrices import to_vtk
from SegAELib.mrml.nodes import require_volume
from SegAELib.mrml.overlay_node import set_voxels
from SegAELib.mrml.score_bins import Colour

_TURN = 0.618  # of the colour circle, from one segment to the next: neighbours in the list look different


def add_segmentation(scene: Scene, masks: Segmentation, volume: VolumeNode, name: str) -> SegmentationNode:
    """A new node with a segment for each mask, called as in its file; empty masks are empty segments.

    Masks that do not overlap share labelmaps. `volume` becomes the reference volume; where it lies under a
    linear transform the node lies under it too, as the files know nothing of it. Raises `InputError` without
    masks, and for a volume that cannot be used.
    """
    require_volume(volume)
    if not masks.segments:
        raise InputError(f'"{masks.source}" holds no masks; choose another file or folder.')
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    content = node.GetSegmentation()
    content.SetSourceRepresentationName(BINARY_LABELMAP)
    names = [segment.name for segment in masks.segments]
    ids = unique_names(names, [str(n) for n in range(1, len(names) + 1)])
    made = {}
    for layer in mask_layers(masks.segments):
        image = _image(layer, masks.segments)
        for value, place in enumerate(layer.places, start=1):
            made[place] = _segment(masks.segments[place], place, value, image)
    for place, segment_id in enumerate(ids):
        content.AddSegment(made[place], segment_id)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.CreateDefaultDisplayNodes()
    return node


def _image(layer: MaskLayer, segments: Sequence[Segment]):
    """The labelmap of a layer, as large as its masks need."""
    box = enclosing_box(segments[place].box for place in layer.places)
    image = slicer.vtkOrientedImageData()
    image.SetImageToWorldMatrix(to_vtk(layer.grid.affine))
    set_voxels(image, box, layer.labels[box.relative_to(layer.box).slices])
    return image


def _segment(mask: Segment, place: int, value: int, image):
    segment = slicer.vtkSegment()
    segment.SetName(mask.name)
    segment.SetColor(*_colour(place))
    segment.SetLabelValue(value)
    if mask.structure is not None:
        segment.SetTerminology(terminology_for(mask.structure))
    segment.AddRepresentation(BINARY_LABELMAP, image)
    return segment


def _colour(place: int) -> Colour:
    return colorsys.hsv_to_rgb(place * _TURN % 1, 0.55, 0.9)
