"""Where a mask is wrong, over the user's segments: a hidden segmentation of two segments."""

from __future__ import annotations

import numpy as np

from segae.data import Segment
from segae.errors import InputError
from segae.report.style import ERROR_COLOURS
from SegAELib.mrml.binding import SegmentationNode, VolumeNode
from SegAELib.mrml.matrices import volume_grid
from SegAELib.mrml.nodes import require_segmentation
from SegAELib.mrml.overlay_node import (
    OverlayPart,
    add_overlay,
    is_alive,
    keep_overlay,
    new_image,
    remove_overlay,
    set_voxels,
)
from SegAELib.mrml.score_bins import rgb
from SegAELib.mrml.score_image import enclosing_box

OPACITY = 0.6
PARTS = tuple(OverlayPart(f"segae_{key}", key, rgb(colour)) for key, colour in ERROR_COLOURS.items())


class ErrorOverlay:
    """The predicted errors of one segment on one volume, as its own node; no node of the user changes.

    `missing`, `extra`: masks on the grid of `volume` that do not overlap. The node is hidden from lists and
    not saved (`keep_with_scene` changes both). Raises `InputError` for nodes that cannot be used.
    """

    def __init__(
        self,
        segmentation: SegmentationNode,
        volume: VolumeNode,
        missing: Segment,
        extra: Segment,
        *,
        opacity: float = OPACITY,
    ) -> None:
        require_segmentation(segmentation)
        size = volume_grid(volume).size
        if any(mask.grid.size != size for mask in (missing, extra)):
            raise InputError(
                f'The errors of "{missing.name}" were not found on "{volume.GetName()}"; look for them again.'
            )
        self._image = new_image(volume)
        box = enclosing_box(mask.box for mask in (missing, extra))
        labels = np.zeros(box.shape, np.uint8)
        for value, mask in enumerate((missing, extra), start=1):
            if not mask.is_empty:
                labels[mask.box.relative_to(box).slices][mask.voxels()] = value
        set_voxels(self._image, box, labels)
        name = f"{segmentation.GetName()} errors"
        self.node: SegmentationNode = add_overlay(segmentation, volume, self._image, name, PARTS)
        self.node.GetDisplayNode().SetVisibility2DOutline(True)
        self.set_opacity(opacity)

    @property
    def is_alive(self) -> bool:
        """Whether the node still is in a scene."""
        return is_alive(self.node)

    def set_opacity(self, opacity: float) -> None:
        """Opacity (0..1) of the fill; the outline stays."""
        if self.is_alive:
            display = self.node.GetDisplayNode()
            for part in PARTS:
                display.SetSegmentOpacity2DFill(part.segment_id, float(np.clip(opacity, 0, 1)))

    def keep_with_scene(self, keep: bool) -> None:
        """Save the errors with the scene, visible in lists, or neither."""
        keep_overlay(self.node, keep)

    def remove(self) -> None:
        """Take the errors out of the scene; may be called again."""
        remove_overlay(self.node, self._image)
        self.node = None
