"""Takes the fill of some segments away while the quality colours are shown, and gives it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy

from segae.data import Segment
from segae.errors import InputError
from segae.geometry.box import Box
from segae.report.style import Palette
from segae.results.bins import ScoreBins
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
from SegAELib.mrml.score_bins import LegendEntry, legend
from SegAELib.mrml.score_image import ScoreImage, enclosing_box


class FillSnapshot:
    """The 2D fill of segments of one node, hidden (outlines stay) until `restore`.

    Only this one property is touched, so whatever the user changes in between stays.
    """

    def __init__(self, node: SegmentationNode) -> None:
        self._node = node
        self._hidden: set[str] = set()

    def hide(self, segment_ids: Iterable[str]) -> None:
        """Hide the fill of segments that show it."""
        display = self._node.GetDisplayNode()
        if display is None:
            return
        was = display.StartModify()
        for segment_id in segment_ids:
            if display.GetSegmentVisibility2DFill(segment_id):
                display.SetSegmentVisibility2DFill(segment_id, False)
                self._hidden.add(segment_id)
        display.EndModify(was)

    def restore(self) -> None:
        """Show the fills again that `hide` took away; segments and nodes that are gone are passed over."""
        display = self._node.GetDisplayNode() if self._node.GetScene() is not None else None
        if display is not None:
            was = display.StartModify()
            for segment_id in self._hidden & set(self._node.GetSegmentation().GetSegmentIDs()):
                display.SetSegmentVisibility2DFill(segment_id, True)
            display.EndModify(was)
        self._hidden.clear()


OPACITY = 0.8


class QualityOverlay:
    """The colours of one scored segmentation on one volume.

    The node is hidden from lists and not saved (`keep_with_scene` changes both). Nothing of the user's nodes
    changes but the 2D fill of scored segments, which is hidden while the colours show (they would mix) and
    comes back with `remove`; `leave_fills` keeps even that. Raises `InputError` for nodes that cannot be used
    and an unknown palette.
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
        leave_fills: bool = False,
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
        self._fills = None if leave_fills else FillSnapshot(segmentation)
        self._scores = ScoreImage(enclosing_box(s.box for s in segments.values()), axis)
        self._image = new_image(volume)
        self._fit_image()
        name = f"{segmentation.GetName()} quality"
        self.node: SegmentationNode = add_overlay(
            segmentation, volume, self._image, name, _parts(self.legend)
        )
        self._update_display()

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
        self.hide_fills(scored)
        self._update_voxels(enclosing_box(changed))

    def hide_fills(self, segment_ids: Iterable[str]) -> None:
        """Hide the user's fill of segments that are going to be coloured, all at once: it is dear, as every
        change makes Slicer look at all segments again. Nothing happens with `leave_fills`."""
        if self._fills is not None:
            self._fills.hide(segment_ids)

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
        """Opacity (0..1) of the worst bin; better ones are fainter in proportion."""
        self._opacity = float(np.clip(opacity, 0, 1))
        self._update_display()

    def keep_with_scene(self, keep: bool) -> None:
        """Save the colours with the scene, visible in lists, or neither."""
        keep_overlay(self.node, keep)

    def remove(self) -> None:
        """Take the colours out of the scene and give the user's fills back; may be called again."""
        remove_overlay(self.node, self._image)
        self.node = None
        if self._fills is not None:
            self._fills.restore()

    def _fit_image(self) -> None:
        """Give the labelmap the box of the painted scores; its voxels are not set."""
        set_voxels(self._image, self._scores.box, np.zeros(self._scores.codes.shape, np.uint8))

    def _update_voxels(self, box: Box) -> None:
        if not self.is_alive or self._scores.codes.size == 0:
            return
        if self._image.GetNumberOfPoints() != self._scores.codes.size:
            self._fit_image()
        scalars = self._image.GetPointData().GetScalars()
        self._scores.bins(self._bins, vtk_to_numpy(scalars).reshape(self._scores.codes.shape), box)
        scalars.Modified()
        self._image.Modified()

    def _update_display(self) -> None:
        if not self.is_alive:
            return
        display = self.node.GetDisplayNode()
        segmentation = self.node.GetSegmentation()
        was = display.StartModify()
        for entry in self.legend:
            segment = segmentation.GetSegment(_segment_id(entry))
            segment.SetName(entry.text)
            segment.SetColor(*entry.colour)
            display.SetSegmentOpacity2DFill(_segment_id(entry), entry.opacity)
        display.EndModify(was)


def _parts(entries: Iterable[LegendEntry]) -> list[OverlayPart]:
    return [OverlayPart(_segment_id(entry), entry.text, entry.colour) for entry in entries]


def _segment_id(entry: LegendEntry) -> str:
    return f"segae_{entry.key}"
