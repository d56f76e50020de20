"""A choice from a list, remembered from one start to the next."""

from __future__ import annotations

from collections.abc import Mapping

from SegAELib.app.binding import Widget
from SegAETrainerLib.app.remembered import Remembered


class ChoiceField:
    """A QComboBox; `choices`: what is shown, by value."""

    def __init__(self, combo: Widget, name: str, remembered: Remembered, choices: Mapping[str, str]) -> None:
        self._combo, self._name, self._remembered = combo, name, remembered
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
