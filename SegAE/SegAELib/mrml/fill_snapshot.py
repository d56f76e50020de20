"""Takes the fill of some segments away while the quality colours are shown, and gives it back."""

from __future__ import annotations

from collections.abc import Iterable

from SegAELib.mrml.binding import SegmentationNode


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
