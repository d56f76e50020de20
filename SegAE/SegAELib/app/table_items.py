"""Cells of a QTableWidget."""

from __future__ import annotations

from typing import Any

from SegAELib.app.binding import Widget, qt


def text_item(text: str, tool_tip: str = "", key: str = "") -> Any:
    """A cell that shows `text`; `key` identifies its row."""
    item = qt.QTableWidgetItem(text)
    item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
    if tool_tip:
        item.setToolTip(tool_tip)
    if key:
        item.setData(qt.Qt.UserRole, key)
    return item


def prepare(table: Widget, titles: list[str], stretched: int) -> None:
    """Titles, whole rows selected one at a time, column `stretched` takes the room that is left."""
    table.setColumnCount(len(titles))
    table.setHorizontalHeaderLabels(titles)
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setDefaultSectionSize(22)
    table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
    table.setSelectionMode(qt.QAbstractItemView.SingleSelection)
    table.setWordWrap(False)
    table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
    header = table.horizontalHeader()
    for column in range(len(titles)):
        header.setSectionResizeMode(
            column, qt.QHeaderView.Stretch if column == stretched else qt.QHeaderView.Interactive
        )
