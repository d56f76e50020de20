"""Small bars, as long as a score is high, for cells of a table."""

from __future__ import annotations

from typing import Any

from segae.report import predicted_dice
from SegAELib.app.binding import qt

WIDTH, HEIGHT = 40, 12
EMPTY = "#dcdcdc"


class BarIcons:
    """Makes each bar once. The colours stay when the row is selected."""

    def __init__(self) -> None:
        self._icons: dict[tuple[int, str], Any] = {}

    def icon(self, score: float, colour: str) -> Any:
        """QIcon of `WIDTH` x `HEIGHT` pixels for a raw score."""
        filled = round(predicted_dice(score) * WIDTH)
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
