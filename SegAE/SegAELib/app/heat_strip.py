"""A strip with one field per slice of the chosen segment, inferior on the left, superior on the right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from SegAELib.app.binding import Widget, _, qt
from SegAELib.app.score_style import ScoreStyle, StripModel

HEIGHT = 26
NO_SCORE = "#d0d0d0"
MARK = "#000000"


class _Events(qt.QObject):
    """Clicks on the label and changes of its size. (A Python class that overrides paintEvent would do, too,
    but a mistake in there spoils the painting of the whole window.)"""

    def __init__(self, on_click: Callable[[int], None], on_resize: Callable[[], None]) -> None:
        qt.QObject.__init__(self)
        self._on_click, self._on_resize = on_click, on_resize

    def eventFilter(self, _watched: Any, event: Any) -> bool:  # noqa: N802 (Qt's name)
        if event.type() == qt.QEvent.MouseButtonPress:
            self._on_click(int(event.x()))
        elif event.type() == qt.QEvent.Resize:
            self._on_resize()
        return False


class HeatStrip:
    """Draws into a QLabel; `on_click` is called with a slice index."""

    def __init__(self, label: Widget, on_click: Callable[[int], None]) -> None:
        self._label, self._on_click = label, on_click
        self._model: StripModel | None = None
        self._style: ScoreStyle | None = None
        self._current: int | None = None
        label.setMinimumHeight(HEIGHT)
        label.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        label.setToolTip(
            _("Each field is a slice, inferior on the left, superior on the right. Click to go there.")
        )
        self._events = _Events(self._clicked, self._draw)
        label.installEventFilter(self._events)

    def show(self, model: StripModel | None, style: ScoreStyle) -> None:
        """Show a segment's slices; None empties the strip."""
        self._model, self._style = model, style
        self._draw()

    def mark(self, current: int | None) -> None:
        """Mark the slice that the views show."""
        if current != self._current:
            self._current = current
            self._draw()

    def close(self) -> None:
        """Stop listening."""
        self._label.removeEventFilter(self._events)

    def _clicked(self, x: int) -> None:
        if self._model is not None:
            self._on_click(self._model.slice_at(x / max(self._label.width, 1)))

    def _draw(self) -> None:
        if self._model is None or self._style is None:
            self._label.clear()
            return
        width = max(self._label.width, 1)
        pixmap = qt.QPixmap(width, HEIGHT)
        pixmap.fill(qt.QColor(NO_SCORE))
        painter = qt.QPainter()
        painter.begin(pixmap)
        try:
            self._paint(painter, width, self._model, self._style)
        finally:
            painter.end()
        self._label.setPixmap(pixmap)

    def _paint(self, painter: Any, width: int, model: StripModel, style: ScoreStyle) -> None:
        def left(place: int) -> int:
            return place * width // model.count

        for index, dice in model.dice.items():
            place = model.place_of(index)
            if place is not None:
                gap = 1 if width >= 6 * model.count else 0
                painter.fillRect(left(place), 4, left(place + 1) - left(place) - gap, HEIGHT - 8,
                                 qt.QColor(style.colour(dice)))  # fmt: skip
        place = None if self._current is None else model.place_of(self._current)
        if place is not None:
            wide = max(left(place + 1) - left(place), 3)
            for y in (0, HEIGHT - 3):
                painter.fillRect(left(place), y, wide, 3, qt.QColor(MARK))
            for x in (left(place), left(place) + wide - 1):
                painter.fillRect(x, 0, 1, HEIGHT, qt.QColor(MARK))
