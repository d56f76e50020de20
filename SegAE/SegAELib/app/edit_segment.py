"""Opens the Segment Editor where the work is."""

from __future__ import annotations

from SegAELib.app.binding import slicer
from SegAELib.mrml.binding import SegmentationNode, VolumeNode


def edit_segment(segmentation: SegmentationNode, segment_id: str, volume: VolumeNode) -> None:
    """Show the Segment Editor with this segment chosen; the slice views stay where they are."""
    slicer.util.selectModule("SegmentEditor")
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.setSegmentationNode(segmentation)
    editor.setSourceVolumeNode(volume)
    editor.setCurrentSegmentID(segment_id)
