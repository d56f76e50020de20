"""Where a mask is wrong, over the user's segments: a hidden segmentation of two segments."""

from __future__ import annotations

import numpy as np

from segae.data import Segment
from segae.errors import InputError
from segae.geometry.box import enclosing_box
from segae.report.style import ERROR_COLOURS
from SegAELib.mrml.binding import SegmentationNode, VolumeNode
from SegAELib.mrml.matrices import volume_grid
from SegAELib.mrml.nodes import require_segmentation
from SegAELib.mrml.overlay_node import (
    OverlayPart,
    add_overlay,
    changing,
    is_alive,
    new_image,
    remove_overlay,
    set_voxels,
)
from SegAELib.mrml.score_bins import rgb

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
        self._segmentation, self._volume = segmentation, volume
        self._box = enclosing_box(mask.box for mask in (missing, extra))
        self._labels, self._opacity = np.zeros(self._box.shape, np.uint8), opacity
        for value, mask in enumerate((missing, extra), start=1):
            if not mask.is_empty:
                self._labels[mask.box.relative_to(self._box).slices][mask.voxels()] = value
        self._add(keep=False)

    @property
    def is_alive(self) -> bool:
        """Whether the node still is in a scene."""
        return is_alive(self.node)

    def set_opacity(self, opacity: float) -> None:
        """Opacity (0..1) of the fill; the outline stays."""
        self._opacity = float(np.clip(opacity, 0, 1))
        if self.is_alive:
            self._update_display()

    def keep_with_scene(self, keep: bool) -> None:
        """Save the errors with the scene, visible in lists, or neither."""
        if self.is_alive and bool(self.node.GetSaveWithScene()) != keep:  # asked only when a node is added
            remove_overlay(self.node, self._image)
            self._add(keep=keep)

    def _add(self, *, keep: bool) -> None:
        self._image = new_image(self._volume)
        set_voxels(self._image, self._box, self._labels)
        name = f"{self._segmentation.GetName()} errors"
        self.node: SegmentationNode = add_overlay(
            self._segmentation, self._volume, self._image, name, PARTS, keep
        )
        self._update_display()

    def _update_display(self) -> None:
        display = self.node.GetDisplayNode()
        with changing(self.node):
            display.SetVisibility2DOutline(True)
            for part in PARTS:
                display.SetSegmentOpacity2DFill(part.segment_id, self._opacity)

    def remove(self) -> None:
        """Take the errors out of the scene; may be called again."""
        remove_overlay(self.node, self._image)
        self.node = None
