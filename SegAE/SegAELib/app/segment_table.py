"""The segments: which are to be ranked, as which organ, and why that organ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, MutableMapping
from functools import partial

from segae.labels.identify import Identification
from segae.labels.structure import Structure
from segae.labels.table import LabelTable
from SegAELib.app.binding import Widget, _, qt
from SegAELib.app.table_widgets import prepare, text_item
from SegAELib.mrml.binding import SegmentationNode
from SegAELib.mrml.segment_names import identify_segments

CHOSEN = "chosen by you"


class OrganChoices:
    """Choices are kept in `store` (a parameter of the scene): table index by segmentation and segment id.

    `table`: the structures to choose from, those of the model.
    """

    def __init__(self, store: MutableMapping[str, str], table: LabelTable | None = None) -> None:
        self._store, self.table = store, table or LabelTable.default()

    def choose(self, node: SegmentationNode, segment_id: str, structure: Structure | None) -> None:
        """Remember the user's choice; None goes back to the guess."""
        key = _key(node, segment_id)
        if structure is not None:
            self._store[key] = str(structure.index)
        elif key in self._store:
            del self._store[key]

    def is_chosen(self, node: SegmentationNode, segment_id: str) -> bool:
        """Whether the user chose, so that the guess does not count."""
        return _key(node, segment_id) in self._store

    def of(
        self, node: SegmentationNode, segment_ids: Iterable[str] | None = None
    ) -> dict[str, Identification]:
        """By segment id (None: all): the choice where there is one, else the guess."""
        guesses = identify_segments(node, segment_ids, self.table)
        for segment_id in guesses:
            chosen = self.table.get(int(self._store.get(_key(node, segment_id), -1)))
            if chosen is not None:  # a choice of another model's own structure does not count for this one
                guesses[segment_id] = Identification(chosen, CHOSEN, confidence=1.0)
        return guesses


def _key(node: SegmentationNode, segment_id: str) -> str:
    return f"{node.GetID()} {segment_id}"


def organ_picker(
    current: Structure | None,
    candidates: Iterable[Structure],
    on_choice: Callable[[Structure], None],
    table: LabelTable,
) -> Widget:
    """A QLineEdit whose list holds the organs that contain what is typed, `candidates` first.

    Text that is no organ changes nothing. (The list of an editable combo box does not filter while it is
    open, and takes what stands in its line edit for a choice.)
    """
    every = [structure for members in table.body_systems.values() for structure in members]
    by_name = {structure.name: structure for structure in (*candidates, *every)}
    edit = qt.QLineEdit()
    edit.setPlaceholderText(_("type to search") if current is None else current.name)
    completer = qt.QCompleter(list(by_name), edit)
    completer.setCaseSensitivity(qt.Qt.CaseInsensitive)
    completer.setFilterMode(qt.Qt.MatchContains)
    completer.setMaxVisibleItems(25)
    edit.setCompleter(completer)

    def chosen(name: str) -> None:
        if name in by_name:
            on_choice(by_name[name])

    def entered() -> None:
        completer.setCompletionPrefix(edit.text)
        exact = [name for name in by_name if name.casefold() == edit.text.strip().casefold()]
        if exact or completer.completionCount() == 1:
            chosen(exact[0] if exact else completer.currentCompletion())

    completer.connect("activated(QString)", chosen)
    edit.connect("returnPressed()", entered)
    return edit


SEGMENT, ORGAN = range(2)
WIDEST = 214  # pixels of a segment's column; the organ has room beside it in a panel of 420
UNSURE = "#f5d76e"


class OrganTable:
    """Fills a QTableWidget. A click on an organ opens the list to choose another one.

    `on_change`: called when a check or an organ changed.
    """

    def __init__(self, table: Widget, on_change: Callable[[], None]) -> None:
        self._table, self._on_change = table, on_change
        self._node: SegmentationNode | None = None
        self._choices: OrganChoices | None = None
        self._organs: dict[str, Identification] = {}
        self._unchecked: set[str] = set()
        self._open: int | None = None
        prepare(table, [_("Segment"), _("Organ")], ORGAN)
        table.connect("cellClicked(int,int)", self._clicked)
        table.connect("itemChanged(QTableWidgetItem*)", self._checked)

    @property
    def organs(self) -> dict[str, Identification]:
        """What every segment is taken for, by id."""
        return dict(self._organs)

    @property
    def checked(self) -> list[str]:
        """Ids of the segments that are to be ranked."""
        return [segment_id for segment_id in self._organs if segment_id not in self._unchecked]

    @property
    def unclear(self) -> list[str]:
        """Ids of the checked segments without an organ."""
        return [segment_id for segment_id in self.checked if self._organs[segment_id].structure is None]

    def show(self, node: SegmentationNode | None, choices: OrganChoices) -> None:
        """The segments of another segmentation, all of them checked; None: an empty table."""
        if node is not self._node:
            self._unchecked = set()
        self._node, self._choices = node, choices
        self._organs = {} if node is None else choices.of(node)
        self._close_picker()
        was = self._table.blockSignals(True)
        try:
            self._table.setRowCount(len(self._organs))
            for row, segment_id in enumerate(self._organs):
                self._fill(row, segment_id)
        finally:
            self._table.blockSignals(was)
        self._table.resizeColumnToContents(SEGMENT)
        self._table.setColumnWidth(SEGMENT, min(WIDEST, self._table.columnWidth(SEGMENT)))
        self._on_change()

    def check_all(self, checked: bool) -> None:
        """Check all segments, or none."""
        self.check(self._organs if checked else ())

    def check(self, segment_ids: Collection[str]) -> None:
        """Check these segments and no others."""
        self._unchecked = set(self._organs) - set(segment_ids)
        was = self._table.blockSignals(True)
        try:
            for row, segment_id in enumerate(self._organs):
                state = qt.Qt.Unchecked if segment_id in self._unchecked else qt.Qt.Checked
                self._table.item(row, SEGMENT).setCheckState(state)
        finally:
            self._table.blockSignals(was)
        self._on_change()

    def choose(self, segment_id: str, structure: Structure) -> None:
        """Take a segment for another organ."""
        if self._node is None or self._choices is None or self._organs[segment_id].structure == structure:
            return
        self._choices.choose(self._node, segment_id, structure)
        self._organs.update(self._choices.of(self._node, [segment_id]))
        was = self._table.blockSignals(True)
        try:
            self._fill(list(self._organs).index(segment_id), segment_id)
        finally:
            self._table.blockSignals(was)
        self._on_change()

    def _fill(self, row: int, segment_id: str) -> None:
        assert self._node is not None
        segment, guess = self._node.GetSegmentation().GetSegment(segment_id), self._organs[segment_id]
        text = segment.GetName() or segment_id
        name = text_item(text, text, segment_id)
        name.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable | qt.Qt.ItemIsUserCheckable)
        unchecked = segment_id in self._unchecked
        name.setCheckState(qt.Qt.Unchecked if unchecked else qt.Qt.Checked)
        swatch = qt.QPixmap(12, 12)
        swatch.fill(qt.QColor.fromRgbF(*segment.GetColor()))
        name.setIcon(qt.QIcon(swatch))
        organ = text_item(
            _("choose organ") if guess.structure is None else guess.structure.name,
            f"{guess.reason}\n" + _("Click to choose another organ."),
        )
        if guess.structure is None:
            organ.setBackground(qt.QBrush(qt.QColor(UNSURE)))
            organ.setForeground(qt.QBrush(qt.QColor("black")))
        for column, item in ((SEGMENT, name), (ORGAN, organ)):
            self._table.setItem(row, column, item)

    def _clicked(self, row: int, column: int) -> None:
        if column == ORGAN and row != self._open:
            self._close_picker()
            segment_id = list(self._organs)[row]
            guess = self._organs[segment_id]
            assert self._choices is not None
            picker = organ_picker(
                guess.structure, guess.candidates, partial(self._picked, segment_id), self._choices.table
            )
            self._table.setCellWidget(row, ORGAN, picker)
            self._open = row
            picker.setFocus()
            picker.completer().complete()
        elif column != ORGAN:
            self._close_picker()

    def _picked(self, segment_id: str, structure: Structure) -> None:
        self.choose(segment_id, structure)
        # not from within the picker's own signal: that would delete what is sending it
        qt.QTimer.singleShot(0, self._close_picker)

    def _close_picker(self) -> None:
        if self._open is not None:
            self._table.removeCellWidget(self._open, ORGAN)
            self._open = None

    def _checked(self, item: object) -> None:
        segment_id = item.data(qt.Qt.UserRole)  # type: ignore[attr-defined]
        if not segment_id:
            return
        if item.checkState() == qt.Qt.Checked:  # type: ignore[attr-defined]
            self._unchecked.discard(segment_id)
        else:
            self._unchecked.add(segment_id)
        self._on_change()
