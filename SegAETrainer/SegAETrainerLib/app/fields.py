"""Fields whose content is remembered from one start to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from SegAELib.app.binding import Widget, ctk, slicer

_GROUP = "SegAETrainer/"


class Remembered:
    """Texts by name."""

    def get(self, name: str, default: str = "") -> str:
        value = slicer.app.userSettings().value(_GROUP + name, default)
        return default if value is None else str(value)

    def set(self, name: str, text: str) -> None:
        slicer.app.userSettings().setValue(_GROUP + name, text)


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
        self._proposed = remembered.get(f"{name} proposed")
        self._proposing = False
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

    def propose(self, path: Path | None) -> None:
        """Choose a path in the place of none and of the last proposal; one that somebody chose stays."""
        text = "" if path is None else str(path)
        if self.text not in ("", self._proposed) or text == self._proposed:
            return
        self._keep_proposal(text)
        self._proposing = True
        try:
            self.set(text)
        finally:
            self._proposing = False

    def _keep_proposal(self, text: str) -> None:
        self._proposed = text
        self._remembered.set(f"{self._name} proposed", text)

    def _changed(self, _what: object) -> None:
        if self.text == self._told:
            return
        self._told = self.text
        self._remembered.set(self._name, self.text)
        if not self._proposing:
            self._keep_proposal("")
        self._on_change()


class ChoiceField:
    """A QComboBox; `choices`: what is shown, by value."""

    def __init__(
        self, combo: Widget, name: str, remembered: Remembered, choices: Mapping[str, str],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._combo, self._name, self._remembered = combo, name, remembered
        self._on_change = on_change
        for value, words in choices.items():
            combo.addItem(words, value)
        self.set(remembered.get(name))
        combo.connect("currentIndexChanged(int)", self._changed)

    @property
    def value(self) -> str:
        return self._combo.itemData(self._combo.currentIndex)

    def set(self, value: str) -> None:
        """Choose a value; one that is not in the list leaves the first."""
        self._combo.setCurrentIndex(max(0, self._combo.findData(value)))

    def _changed(self, _place: int) -> None:
        self._remembered.set(self._name, self.value)
        self._on_change()
