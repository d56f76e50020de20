"""What the panel remembers from one start of the application to the next.

Folders belong to the computer and not to a scene, so they are in the application's settings.
"""

from __future__ import annotations

from SegAELib.app.binding import slicer

_GROUP = "SegAETrainer/"


class Remembered:
    """Texts by name."""

    def get(self, name: str, default: str = "") -> str:
        value = slicer.app.userSettings().value(_GROUP + name, default)
        return default if value is None else str(value)

    def set(self, name: str, text: str) -> None:
        slicer.app.userSettings().setValue(_GROUP + name, text)
