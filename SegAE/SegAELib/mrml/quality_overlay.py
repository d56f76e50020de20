"""The colours of slices of low quality, over the user's segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy

from segae.data import Segment
from segae.errors import InputError
from segae.geometry.box import Box, enclosing_box
from segae.report.style import Palette
from segae.results.bins import ScoreBins
from SegAELib.mrml.binding import Scene, SegmentationNode, VolumeNode, nodes_of_class, slicer
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
from SegAELib.mrml.score_bins import OPACITY, LegendEntry, legend
from SegAELib.mrml.score_image import ScoreImage

_FILL_HIDDEN = "SegAE.FillHidden"  # on a display node, so that it is known in a saved scene too


def hide_fill(segmentation: SegmentationNode) -> None:
    """Take the 2D fill of a segmentation away; its outlines stay. Nothing happens when it has none."""
    display = segmentation.GetDisplayNode()
    if display is not None and display.GetVisibility2DFill():
        display.SetAttribute(_FILL_HIDDEN, "1")
        display.SetVisibility2DFill(False)


def restore_fills(scene: Scene) -> None:
    """Give back what `hide_fill` took away, be it before the scene was saved and loaded."""
    for display in nodes_of_class(scene, "vtkMRMLSegmentationDisplayNode"):
        if display.GetAttribute(_FILL_HIDDEN) is not None:
            display.RemoveAttribute(_FILL_HIDDEN)
            display.SetVisibility2DFill(True)


class QualityOverlay:
    """The colours of one scored segmentation on one volume.

    The node is hidden from lists and not saved (`keep_with_scene` changes both). Nothing of the user's nodes
    changes; where the user hides a segment, or all of them, its colours go too, until it is shown again.
    Raises `InputError` for nodes that cannot be used and an unknown palette.
    """

    def __init__(
        self,
        segmentation: SegmentationNode,
        volume: VolumeNode,
        segments: Mapping[str, Segment],
        *,
        axis: int,
        bins: ScoreBins | None = None,
        palette: Palette = "traffic",
        opacity: float = OPACITY,
    ) -> None:
        """`segments` (by id, on the grid of `volume`) tell how much room to reserve; `paint` colours them.

        `axis` (0, 1, 2 = k, j, i): the array axis along which slice indices count.
        """
        require_segmentation(segmentation)
        if any(segment.grid.size != volume_grid(volume).size for segment in segments.values()):
            raise InputError(
                f'The masks of "{segmentation.GetName()}" were not read on "{volume.GetName()}"; '
                "score it again."
            )
        self._bins, self._opacity = bins or ScoreBins(), opacity
        self._palette: Palette = palette
        self._segmentation, self._volume = segmentation, volume
        self._scores = ScoreImage(enclosing_box(s.box for s in segments.values()), axis)
        self._add(keep=False)
        event = slicer.vtkMRMLDisplayableNode.DisplayModifiedEvent
        self._eyes = segmentation.AddObserver(event, self._follow_eyes)
        self._follow_eyes()

    @property
    def legend(self) -> tuple[LegendEntry, ...]:
        """Names, ranges, colours and opacities as they are shown, worst first."""
        return legend(self._bins, self._palette, self._opacity)

    @property
    def is_alive(self) -> bool:
        """Whether the node still is in a scene."""
        return is_alive(self.node)

    def paint(self, scored: Mapping[str, tuple[Segment, Mapping[int, float]]]) -> None:
        """Colour segments: by id the mask and the predicted Dice by slice index. Others stay as they are."""
        changed = [self._scores.paint(i, segment, scores) for i, (segment, scores) in scored.items()]
        self._update_voxels(enclosing_box(changed))

    def set_bins(self, bins: ScoreBins) -> None:
        """Move the edges of the bins; nothing is scored again."""
        self._bins = bins
        self._update_voxels(self._scores.box)
        self._update_display()

    def set_threshold(self, threshold: float) -> None:
        """Bins whose lower two lie below `threshold`; raises `InputError` outside 0..1."""
        self.set_bins(ScoreBins.from_threshold(threshold))

    def set_palette(self, palette: Palette) -> None:
        """Other colours; raises `InputError` for an unknown palette."""
        legend(self._bins, palette)
        self._palette = palette
        self._update_display()

    def set_opacity(self, opacity: float) -> None:
        """Opacity (0..1) of the worst bin; weak ones are fainter in proportion."""
        self._opacity = float(np.clip(opacity, 0, 1))
        self._update_display()

    def keep_with_scene(self, keep: bool) -> None:
        """Save the colours with the scene, visible in lists, or neither."""
        if self.is_alive and bool(self.node.GetSaveWithScene()) != keep:  # asked only when a node is added
            remove_overlay(self.node, self._image)
            self._add(keep=keep)
            self._update_voxels(self._scores.box)
            self._follow_eyes()

    def remove(self) -> None:
        """Take the colours out of the scene; may be called again."""
        self._segmentation.RemoveObserver(self._eyes)
        remove_overlay(self.node, self._image)
        self.node = None

    def _add(self, *, keep: bool) -> None:
        self._image = new_image(self._volume)
        self._fit_image()
        name = f"{self._segmentation.GetName()} quality"
        self.node: SegmentationNode = add_overlay(
            self._segmentation, self._volume, self._image, name, _parts(self.legend), keep
        )
        self._update_display()

    def _follow_eyes(self, *_: object) -> None:
        display, segments = self._segmentation.GetDisplayNode(), self._segmentation.GetSegmentation()
        if not self.is_alive or display is None or self._segmentation.GetScene() is None:
            return
        hidden = (i for i in segments.GetSegmentIDs() if not display.GetSegmentVisibility(i))
        self._update_voxels(self._scores.hide(hidden))
        shown = bool(display.GetVisibility() and display.GetVisibility2D())
        own = self.node.GetDisplayNode()
        if bool(own.GetVisibility()) != shown:
            with changing(self.node):
                own.SetVisibility(shown)

    def _fit_image(self) -> None:
        """Give the labelmap the box of the painted scores; its voxels are not set."""
        set_voxels(self._image, self._scores.box, np.zeros(self._scores.codes.shape, np.uint8))

    def _update_voxels(self, box: Box) -> None:
        if not self.is_alive or box.is_empty or self._scores.codes.size == 0:
            return
        with changing(self.node):
            if self._image.GetNumberOfPoints() != self._scores.codes.size:
                self._fit_image()
            scalars = self._image.GetPointData().GetScalars()
            self._scores.bins(self._bins, vtk_to_numpy(scalars).reshape(self._scores.codes.shape), box)
            scalars.Modified()
            self._image.Modified()

    def _update_display(self) -> None:
        if not self.is_alive:
            return
        display, segmentation = self.node.GetDisplayNode(), self.node.GetSegmentation()
        with changing(self.node):
            for entry in self.legend:
                segment = segmentation.GetSegment(_segment_id(entry))
                segment.SetName(entry.text)
                segment.SetColor(*entry.colour)
                display.SetSegmentOpacity2DFill(_segment_id(entry), entry.opacity)


def _parts(entries: Iterable[LegendEntry]) -> list[OverlayPart]:
    return [OverlayPart(_segment_id(entry), entry.text, entry.colour) for entry in entries]


def _segment_id(entry: LegendEntry) -> str:
    return f"segae_{entry.key}"
