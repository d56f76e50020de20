"""A segmentation node of masks that were read from files: named, with terminology and reference volume."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from segae.data import Segment, Segmentation, unique_names
from segae.errors import InputError
from segae.geometry.grid import Grid
from segae.labels.terminology import terminology_for
from SegAELib.mrml.binding import BINARY_LABELMAP, Scene, SegmentationNode, VolumeNode, slicer
from SegAELib.mrml.matrices import to_vtk
from SegAELib.mrml.nodes import require_volume
from SegAELib.mrml.overlay_node import set_voxels
from SegAELib.mrml.score_bins import Colour
from SegAELib.mrml.score_image import enclosing_box

_MOST = 255  # segments of one labelmap, whose values are bytes
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
    for layer in _layers(masks.segments):
        image = layer.image()
        for value, place in enumerate(layer.places, start=1):
            made[place] = _segment(masks.segments[place], place, value, image)
    for place, segment_id in enumerate(ids):
        content.AddSegment(made[place], segment_id)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.CreateDefaultDisplayNodes()
    return node


@dataclass
class _Layer:
    """Masks on one grid that do not overlap, by their place in the list."""

    grid: Grid
    segments: list[Segment] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def takes(self, segment: Segment) -> bool:
        """Whether a mask may join: on the same grid, and free of the others."""
        same = self.grid is segment.grid or (
            self.grid.size == segment.grid.size and np.allclose(self.grid.affine, segment.grid.affine)
        )
        return same and len(self.places) < _MOST and not any(_overlap(one, segment) for one in self.segments)

    def image(self):
        """The labelmap, in which the masks have the values 1, 2, ..."""
        box = enclosing_box(segment.box for segment in self.segments)
        labels = np.zeros(box.shape, np.uint8)
        for value, segment in enumerate(self.segments, start=1):
            if not segment.is_empty:
                labels[segment.box.relative_to(box).slices][segment.voxels()] = value
        image = slicer.vtkOrientedImageData()
        image.SetImageToWorldMatrix(to_vtk(self.grid.affine))
        set_voxels(image, box, labels)
        return image


def _layers(segments: Sequence[Segment]) -> list[_Layer]:
    layers: list[_Layer] = []
    for place, segment in enumerate(segments):
        layer = next((one for one in layers if one.takes(segment)), None)
        if layer is None:
            layers.append(layer := _Layer(segment.grid))
        layer.segments.append(segment)
        layer.places.append(place)
    return layers


def _overlap(one: Segment, other: Segment) -> bool:
    common = one.box.intersect(other.box)
    if common.is_empty:
        return False
    first, second = (mask.voxels()[common.relative_to(mask.box).slices] for mask in (one, other))
    return bool(np.any(first & second))


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
