"""The segment that is looked at: outlined boldly, the others dimmed, in a hidden node of its own."""

from __future__ import annotations

import numpy as np

from segae.geometry.box import Box, enclosing_box
from SegAELib.mrml.binding import SegmentationNode, VolumeNode
from SegAELib.mrml.label_layers import label_layers
from SegAELib.mrml.overlay_node import (
    OverlayPart,
    add_overlay,
    changing,
    is_alive,
    new_image,
    remove_overlay,
    set_voxels,
)

SEGMENT = OverlayPart("segae_place", "looked at", (1.0, 0.9, 0.0))
OTHERS = OverlayPart("segae_others", "others", (0.0, 0.0, 0.0))
VEIL = 0.55  # opacity of the black over other segments: they recede, but can be told apart still
LINE = 3  # pixels; the outlines of a segmentation have 1


class PlaceOverlay:
    """Marks a segment of `segmentation` on `volume`; no node of the user changes.

    What is drawn is read when it is made: make another one after an edit. For a segment without voxels only
    the others are dimmed. Raises `InputError` for nodes that cannot be used.
    """

    def __init__(self, segmentation: SegmentationNode, volume: VolumeNode, segment_id: str) -> None:
        box, labels = _labels(segmentation, volume, segment_id)
        self._image = new_image(volume)
        set_voxels(self._image, box, labels)
        name = f"{segmentation.GetName()} place"
        self.node: SegmentationNode = add_overlay(segmentation, volume, self._image, name, (SEGMENT, OTHERS))
        display = self.node.GetDisplayNode()
        with changing(self.node):
            display.SetVisibility2DOutline(True)
            display.SetSliceIntersectionThickness(LINE)
            display.SetSegmentVisibility2DFill(SEGMENT.segment_id, False)
            display.SetSegmentVisibility2DOutline(OTHERS.segment_id, False)
            display.SetSegmentOpacity2DFill(OTHERS.segment_id, VEIL)

    @property
    def is_alive(self) -> bool:
        """Whether the node still is in a scene."""
        return is_alive(self.node)

    def remove(self) -> None:
        """Take the mark out of the scene; may be called again."""
        remove_overlay(self.node, self._image)
        self.node = None


def _labels(segmentation: SegmentationNode, volume: VolumeNode, segment_id: str) -> tuple[Box, np.ndarray]:
    """1 in the segment, 2 in others that the user shows, 0 elsewhere: box (k, j, i) and uint8 array of it."""
    layers = list(label_layers(segmentation, volume))
    box = enclosing_box(layer.box for layer in layers)
    labels = np.zeros(box.shape, np.uint8)
    display = segmentation.GetDisplayNode()
    for layer in layers:
        target = labels[layer.box.relative_to(box).slices]
        shown = [
            value
            for other, value in layer.values.items()
            if other != segment_id and (display is None or display.GetSegmentVisibility(other))
        ]
        target[np.isin(layer.labels, shown) & (target == 0)] = 2
    for layer in layers:
        if segment_id in layer.values:
            inside = layer.labels == layer.values[segment_id]
            labels[layer.box.relative_to(box).slices][inside] = 1
    return box, labels
