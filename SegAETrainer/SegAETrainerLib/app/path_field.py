"""A path that the user chooses, remembered from one start to the next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from SegAELib.app.binding import Widget, ctk
from SegAETrainerLib.app.remembered import Remembered


class PathField:
    """A ctkPathLineEdit for a folder, or for a file with one of the endings of `name_filter`."""

    def __init__(
        self, edit: Widget, name: str, remembered: Remembered, on_change: Callable[[], None], *,
        name_filter: str = "",
    ) -> None:  # fmt: skip
        self._edit, self._name, self._remembered, self._on_change = edit, name, remembered, on_change
        if name_filter:
            edit.filters, edit.nameFilters = ctk.ctkPathLineEdit.Files, [name_filter]
        else:
            edit.filters = ctk.ctkPathLineEdit.Dirs
        edit.currentPath = self._told = remembered.get(name)
        # CTK tells the first for paths that may be, and an edit that was emptied only by the second.
        edit.connect("currentPathChanged(QString)", self._changed)
        edit.connect("validInputChanged(bool)", self._changed)

    @property
    def text(self) -> str:
        return self._edit.currentPath.strip()

    @property
    def path(self) -> Path | None:
        """None when nothing is chosen."""
        return Path(self.text) if self.text else None

    def set(self, path: Path | str) -> None:
        """Choose a path; `on_change` is called when it is another."""
        self._edit.currentPath = str(path)

    def _changed(self, _what: object) -> None:
        if self.text == self._told:
            return
        self._told = self.text
        self._remembered.set(self._name, self.text)
        self._on_change()
