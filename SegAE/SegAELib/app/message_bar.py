"""What went wrong, said where the user looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from segae.errors import SegAEError
from SegAELib.app.binding import Widget

# Dark on light, so that it can be read in light and in dark themes.
_STYLES = {
    "error": "background: #fbe3e4; color: #6b1016; padding: 6px; border-radius: 3px",
    "info": "background: #e4eef9; color: #123a63; padding: 6px; border-radius: 3px",
}


class MessageBar:
    """One sentence at a time in a QLabel, which is hidden while there is nothing to say."""

    def __init__(self, label: Widget) -> None:
        self._label = label
        label.setVisible(False)

    @property
    def text(self) -> str:
        """What it says now."""
        return self._label.text

    def error(self, sentence: str) -> None:
        self._say(sentence, "error")

    def info(self, sentence: str) -> None:
        self._say(sentence, "info")

    def clear(self) -> None:
        self._say("", "info")

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Inside, an error that the user can solve is shown and ends the block; others pass through."""
        try:
            yield
        except SegAEError as error:
            self.error(str(error))

    def _say(self, sentence: str, kind: str) -> None:
        self._label.text = sentence
        self._label.setStyleSheet(_STYLES[kind])
        self._label.setVisible(bool(sentence))
