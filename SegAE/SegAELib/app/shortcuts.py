"""Keys that work while the module is shown."""

from __future__ import annotations

from collections.abc import Callable

from SegAELib.app.binding import qt, slicer

NEXT, PREVIOUS = ("]", "Alt+Down"), ("[", "Alt+Up")


class Shortcuts:
    """Two keys for each direction, as brackets are hard to type on some keyboards."""

    def __init__(self, on_next: Callable[[], None], on_previous: Callable[[], None]) -> None:
        self._shortcuts = []
        window = slicer.util.mainWindow()
        if window is None:
            return
        for keys, action in ((NEXT, on_next), (PREVIOUS, on_previous)):
            for key in keys:
                shortcut = qt.QShortcut(qt.QKeySequence(key), window)
                shortcut.connect("activated()", action)
                shortcut.setEnabled(False)
                self._shortcuts.append(shortcut)

    def enable(self, enabled: bool) -> None:
        for shortcut in self._shortcuts:
            shortcut.setEnabled(enabled)

    def close(self) -> None:
        """Take them off the main window, which lives longer than the module."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []
