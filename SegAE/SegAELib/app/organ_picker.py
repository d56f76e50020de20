"""A drop-down of the 142 organs, grouped by body system, that filters while one types."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from segae.labels import Structure, body_systems, by_index
from SegAELib.app.binding import Widget, _, qt

_FLAGS_ROLE = 255  # Qt::UserRole - 1, where QStandardItem keeps whether an entry can be chosen


def organ_picker(
    current: Structure | None, candidates: Iterable[Structure], on_choice: Callable[[Structure], None]
) -> Widget:
    """A QComboBox; `candidates` come first. Text that is no organ changes nothing."""
    combo = qt.QComboBox()
    combo.setEditable(True)
    combo.setInsertPolicy(qt.QComboBox.NoInsert)
    combo.setMaxVisibleItems(25)
    candidates = list(candidates)
    if candidates:
        _add_group(combo, _("Perhaps"), candidates)
    for system, members in body_systems().items():
        _add_group(combo, system, members)
    names = [structure.name for members in body_systems().values() for structure in members]
    completer = qt.QCompleter(names, combo)
    completer.setCaseSensitivity(qt.Qt.CaseInsensitive)
    completer.setFilterMode(qt.Qt.MatchContains)
    combo.setCompleter(completer)
    combo.setCurrentIndex(-1 if current is None else combo.findData(current.index))
    combo.lineEdit().setPlaceholderText(_("type to search"))

    def chosen(*_unused: object) -> None:
        index = combo.findText(combo.currentText)
        data = combo.itemData(index) if index >= 0 else None
        if data is not None:
            on_choice(by_index(int(data)))

    combo.connect("activated(int)", chosen)
    combo.lineEdit().connect("editingFinished()", chosen)
    return combo


def _add_group(combo: Widget, title: str, members: Iterable[Structure]) -> None:
    combo.addItem(title)
    combo.setItemData(combo.count - 1, 0, _FLAGS_ROLE)
    for structure in members:
        combo.addItem(structure.name, structure.index)
