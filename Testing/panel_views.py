"""What tests of the panels read off widgets, and edits of masks as a user makes them."""
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np


def table_text(table: Any) -> list[list[str]]:
    """Texts of all cells of a QTableWidget, row by row."""
    return [
        [table.item(row, column).text() for column in range(table.columnCount)]
        for row in range(table.rowCount)
    ]


def in_view(widget: Any) -> bool:
    """Whether all of a widget can be seen in the scroll area that it lies in."""
    from PySide6 import QtCore, QtWidgets

    area = widget.parentWidget()
    while not isinstance(area, QtWidgets.QScrollArea):
        area = area.parentWidget()
    corner = widget.mapTo(area.viewport(), QtCore.QPoint(0, 0))
    bottom = corner.y() + widget.height
    return bool(widget.visible) and corner.y() >= 0 and bottom <= area.viewport().height


def paint_out(node: Any, segment_id: str, volume: Any, slices: Collection[int], keep: float = 0.5) -> None:
    """Take a part of a segment away in some slices, as an eraser would."""
    import slicer

    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, volume)
    for index in slices:
        rows = np.flatnonzero(mask[index].any(axis=1))
        mask[index, rows[int(len(rows) * keep)] :] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment_id, volume)
