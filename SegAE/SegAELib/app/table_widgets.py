"""Rows and cells of a QTableWidget."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
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
    """Titles, whole rows selected one at a time; `stretched` (-1: none) takes the room left."""
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


WIDTH, HEIGHT = 40, 12
EMPTY = "#dcdcdc"


class BarIcons:
    """Makes each bar once. The colours stay when the row is selected."""

    def __init__(self) -> None:
        self._icons: dict[tuple[int, str], Any] = {}

    def icon(self, dice: float, colour: str) -> Any:
        """QIcon of `WIDTH` x `HEIGHT` pixels for a predicted Dice."""
        filled = round(dice * WIDTH)
        key = (filled, colour)
        if key not in self._icons:
            pixmap = qt.QPixmap(WIDTH, HEIGHT)
            pixmap.fill(qt.QColor(EMPTY))
            painter = qt.QPainter()
            painter.begin(pixmap)
            try:
                painter.fillRect(0, 0, max(filled, 2), HEIGHT, qt.QColor(colour))
            finally:
                painter.end()
            icon = qt.QIcon(pixmap)
            icon.addPixmap(pixmap, qt.QIcon.Selected)
            self._icons[key] = icon
        return self._icons[key]


@dataclass(frozen=True)
class Row:
    """`bar`: the column that shows a bar, its predicted Dice and colour. `tips`: what a column says when
    pointed at. `is_grey`: out of date."""

    key: str
    cells: tuple[str, ...]
    tips: tuple[str, ...]
    bar: tuple[int, float, str]
    is_grey: bool = False


WIDEST = 260  # pixels; "portal vein and splenic vein (edited)" is not cut
FIRST = 30  # rows that are filled at once; a table of hundreds would make the application wait
Later = Callable[[Hashable, Callable[[], None]], None]


class RowTable:
    """`on_select` is called with the key of the row that the user chose. `later` does a piece of work under a
    key when there is time.

    A click on a title sorts by that column, another one the other way round, a third goes back to the order
    in which the rows were given. Widths that the user gave to columns are kept in the settings.
    """

    def __init__(
        self,
        table: Widget,
        titles: Sequence[str],
        on_select: Callable[[str], None],
        later: Later,
    ) -> None:
        self._table, self._on_select, self._later = table, on_select, later
        self._icons = BarIcons()
        self._given: list[Row] = []
        self._rows: list[Row] = []
        self._filled: list[Row | None] = []  # what the cells hold
        self._sorted_by: tuple[int, bool] | None = None  # column, and whether downwards
        self._fitting = False
        prepare(table, list(titles), -1)
        table.setIconSize(qt.QSize(WIDTH, HEIGHT))
        table.connect("itemSelectionChanged()", self._changed)
        self._setting = f"SegAE/widths/{table.objectName}"
        self._widths = _numbers(str(qt.QSettings().value(self._setting) or ""))
        header = table.horizontalHeader()
        header.setStretchLastSection(True)
        header.setSectionsClickable(True)
        header.connect("sectionClicked(int)", self._title_clicked)
        header.connect("sectionResized(int,int,int)", self._resized)

    @property
    def selected(self) -> str | None:
        """Key of the chosen row."""
        row = self._table.currentRow()
        return self._rows[row].key if 0 <= row < len(self._rows) else None

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows; the chosen one stays chosen while it is among them."""
        self._given = list(rows)
        self._show()

    def reveal(self) -> None:
        """Scroll to the chosen row."""
        item = self._table.currentItem()
        if item is not None:
            self._table.scrollToItem(item)

    def _show(self) -> None:
        selected, table, before = self.selected, self._table, self._rows
        rows = self._rows = _sorted(self._given, self._sorted_by)
        was = table.blockSignals(True)
        try:
            table.setRowCount(len(rows))
        finally:
            table.blockSignals(was)
        self._filled = [*self._filled[: len(rows)], *([None] * (len(rows) - len(self._filled)))]
        self._fill_some()
        if len(rows) != len(before) or _lengths(rows) != _lengths(before):
            self._fit_columns()
        table.setAutoScroll(False)  # the worst stay in sight while rows come in
        self.select(selected)
        table.setAutoScroll(True)

    def _fill_some(self) -> None:
        """Fill rows whose cells hold something else, from the top, and leave the rest for later."""
        todo = [n for n, row in enumerate(self._rows) if row != self._filled[n]]
        was = self._table.blockSignals(True)
        try:
            for n in todo[:FIRST]:
                self._fill(n, self._rows[n], self._filled[n])
                self._filled[n] = self._rows[n]
        finally:
            self._table.blockSignals(was)
        if len(todo) > FIRST:
            self._later(("rows", id(self)), self._fill_some)

    def select(self, key: str | None) -> None:
        """Choose a row without telling `on_select`."""
        table, place = self._table, next((n for n, row in enumerate(self._rows) if row.key == key), None)
        marked = {index.row() for index in table.selectionModel().selectedRows()}
        if place == (table.currentRow() if table.currentRow() >= 0 else None) and marked == {place} - {None}:
            return
        was = table.blockSignals(True)
        try:
            if place is None:
                table.clearSelection()
                table.setCurrentCell(-1, -1)
            else:
                table.setCurrentCell(place, 0)
                table.selectRow(place)  # Qt may have made it the current one without marking it
        finally:
            table.blockSignals(was)

    def show_column(self, column: int, shown: bool) -> None:
        """A column without a value only takes room."""
        if bool(self._table.isColumnHidden(column)) == shown:
            was, self._fitting = self._fitting, True
            self._table.setColumnHidden(column, not shown)
            self._fitting = was
            self._fit_columns()

    def _fill(self, n: int, row: Row, old: Row | None) -> None:
        for column, (text, tip) in enumerate(zip(row.cells, row.tips, strict=True)):
            item = self._table.item(n, column) if old is not None else None
            if item is None:
                item = text_item(text)
                self._table.setItem(n, column, item)
            elif old is not None and old.cells[column] != text:
                item.setText(text)
            if old is None or old.tips[column] != tip:
                item.setToolTip(tip)
            if (old is not None and old.is_grey) != row.is_grey:
                item.setForeground(self._brush(row.is_grey))
        if old is None or old.bar != row.bar:
            column, dice, colour = row.bar
            self._table.item(n, column).setIcon(self._icons.icon(dice, colour))

    def _fit_columns(self) -> None:
        """Columns as wide as their texts, or as the user made them; where that is more than there is room
        for, the table scrolls sideways."""
        table, was, self._fitting = self._table, self._fitting, True
        for column in range(table.columnCount):
            if table.isColumnHidden(column):
                continue
            if column in self._widths:
                table.setColumnWidth(column, self._widths[column])
                continue
            table.resizeColumnToContents(column)
            if table.columnWidth(column) > WIDEST:
                table.setColumnWidth(column, WIDEST)
        self._fitting = was

    def _title_clicked(self, column: int) -> None:
        """Rising, falling, and back to the given order."""
        before = self._sorted_by
        if before is None or before[0] != column:
            self._sorted_by = (column, False)
        else:
            self._sorted_by = None if before[1] else (column, True)
        header = self._table.horizontalHeader()
        header.setSortIndicatorShown(self._sorted_by is not None)
        if self._sorted_by is not None:
            order = qt.Qt.DescendingOrder if self._sorted_by[1] else qt.Qt.AscendingOrder
            header.setSortIndicator(column, order)
        self._show()

    def _resized(self, column: int, _before: int, width: int) -> None:
        """Keep what the user did; the last column only takes the room that is left."""
        if not self._fitting and width > 0 and column != self._last_column:
            self._widths[column] = width
            text = " ".join(f"{key}:{value}" for key, value in sorted(self._widths.items()))
            qt.QSettings().setValue(self._setting, text)

    @property
    def _last_column(self) -> int:
        table = self._table
        return max((c for c in range(table.columnCount) if not table.isColumnHidden(c)), default=-1)

    def _brush(self, is_grey: bool) -> Any:
        group = qt.QPalette.Disabled if is_grey else qt.QPalette.Active
        return qt.QBrush(self._table.palette.color(group, qt.QPalette.Text))

    def _changed(self) -> None:
        if self.selected is not None:
            self._on_select(self.selected)


def _lengths(rows: Sequence[Row]) -> list[int]:
    """Characters of the longest text in each column."""
    return [max(map(len, column)) for column in zip(*(row.cells for row in rows), strict=True)]


def _sorted(rows: Sequence[Row], by: tuple[int, bool] | None) -> list[Row]:
    """Rows by the number that a cell begins with, else by its text; empty cells last, either way."""
    if by is None:
        return list(rows)
    column, downwards = by
    filled = [row for row in rows if row.cells[column]]
    empty = [row for row in rows if not row.cells[column]]
    return [*sorted(filled, key=lambda row: _sort_key(row.cells[column]), reverse=downwards), *empty]


def _sort_key(text: str) -> tuple[float, str]:
    number = re.match(r"-?\d+(\.\d+)?", text)
    return (float(number.group()) if number else float("inf"), text.casefold())


def _numbers(text: str) -> dict[int, int]:
    """Widths by column from the settings; what is not of that form is passed over."""
    return {int(key): int(width) for key, width in re.findall(r"(\d+):(\d+)", text)}
