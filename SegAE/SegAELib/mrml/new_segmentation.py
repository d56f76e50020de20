"""A segmentation node of masks that were read from files: named, with terminology and reference volume."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from segae.data import Segment, Segmentation, unique_names
from segae.errors import InputError
from segae.geometry.box import Box
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
    """Masks on one grid that do not overlap, by their place in the list, with the values 1, 2, ... in
    `labels`, the voxels of `box`."""

    grid: Grid
    box: Box
    labels: np.ndarray
    segments: list[Segment] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def takes(self, segment: Segment, voxels: np.ndarray) -> bool:
        """Whether a mask may join: on the same grid, and free of the others."""
        if not _same_grid(self.grid, segment.grid) or len(self.places) >= _MOST:
            return False
        return segment.is_empty or not self.labels[segment.box.relative_to(self.box).slices][voxels].any()

    def add(self, segment: Segment, voxels: np.ndarray, place: int) -> None:
        """Take a mask in."""
        self.segments.append(segment)
        self.places.append(place)
        if not segment.is_empty:
            self.labels[segment.box.relative_to(self.box).slices][voxels] = len(self.places)

    def image(self):
        """The labelmap, as large as its masks need."""
        box = enclosing_box(segment.box for segment in self.segments)
        labels = self.labels[box.relative_to(self.box).slices]
        image = slicer.vtkOrientedImageData()
        image.SetImageToWorldMatrix(to_vtk(self.grid.affine))
        set_voxels(image, box, labels)
        return image


def _layers(segments: Sequence[Segment]) -> list[_Layer]:
    """Each mask is unpacked once, and looked at where it lies only: a case has more than a hundred."""
    layers: list[_Layer] = []
    for place, segment in enumerate(segments):
        voxels = np.zeros((0, 0, 0), bool) if segment.is_empty else segment.voxels()
        layer = next((one for one in layers if one.takes(segment, voxels)), None)
        if layer is None:
            box = enclosing_box(one.box for one in segments if _same_grid(one.grid, segment.grid))
            layer = _Layer(segment.grid, box, np.zeros(box.shape, np.uint8))
            layers.append(layer)
        layer.add(segment, voxels, place)
    return layers


def _same_grid(one: Grid, other: Grid) -> bool:
    return one is other or (one.size == other.size and np.allclose(one.affine, other.affine))


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
