"""Whether each segment is what its name says, and the correction after a click."""

from __future__ import annotations

from dataclasses import dataclass

from segae.checks.names import NameCheck, corrected_names, shown
from segae.jobs.events import NamesChecked, Result
from segae.labels import Structure
from SegAELib.app.binding import _
from SegAELib.app.context import Context
from SegAELib.app.model_facts import label_table_of
from SegAELib.app.segment_table import OrganChoices
from SegAELib.app.session import Session
from SegAELib.app.table_widgets import prepare, text_item
from SegAELib.mrml.binding import SegmentationNode
from SegAELib.mrml.segment_names import Naming, naming_for, naming_of, set_naming

SEGMENT, LOOKS_LIKE, SCORES, REASON = range(4)  # columns


@dataclass(frozen=True)
class _Correction:
    """What undo needs: the naming before, and the organ that the user had chosen, if any."""

    node: SegmentationNode
    segment_id: str
    naming: Naming
    chosen: Structure | None


class NamesSection:
    """Lists names in doubt, surest first. Nothing is renamed before a press on the button, and the last
    correction can be taken back."""

    def attach(self, context: Context) -> None:
        self._context, self._ui, self._messages = context, context.ui, context.messages
        self._session: Session | None = None
        self._node: SegmentationNode | None = None
        self._choices: OrganChoices | None = None
        self._ids: dict[str, str] = {}  # segment id by name
        self._checks: tuple[NameCheck, ...] = ()
        self._done: list[_Correction] = []
        titles = [_("Named"), _("Looks like"), _("Scores"), _("Why")]
        ui = context.ui
        prepare(ui.namesTable, titles, REASON)
        ui.namesTable.setColumnWidth(SEGMENT, 120)
        ui.namesTable.setColumnWidth(LOOKS_LIKE, 120)
        ui.namesTable.connect("itemSelectionChanged()", self._update_buttons)
        ui.checkNamesButton.connect("clicked()", self.check)
        ui.correctNameButton.connect("clicked()", self.correct)
        ui.undoNameButton.connect("clicked()", self.undo)
        self._forget()

    def refresh(self) -> None:
        """What was found does not concern other nodes."""
        self._ui.checkNamesButton.enabled = self._ui.rankButton.enabled
        if self._session is not self._context.session:
            self._forget()

    def detach(self) -> None:
        """Nothing stays behind."""

    def check(self) -> None:
        """Ask which of the checked segments look like something else."""
        context = self._context
        self._forget()
        case = context.query("check names", context.checked, self._answered)
        if case is not None and context.session is not None:
            self._session, self._node = context.session, context.session.segmentation
            table = label_table_of(context.parameters.model)
            self._choices = OrganChoices(context.parameters.organs, table)
            self._ids = case.segment_ids
        context.changed()

    def _forget(self) -> None:
        self._session = self._context.session
        self._node, self._checks, self._done = None, (), []
        self._ui.namesBox.setVisible(False)

    def correct(self) -> None:
        """Give the chosen segment the name of what it looks like."""
        check = self._chosen
        if check is None or self._node is None or self._choices is None:
            return
        with self._messages.telling():
            structure = corrected_names(self._checks, [check.segment])[check.segment]
            node, segment_id = self._node, self._ids[check.segment]
            guess, before = self._context.organs[segment_id], naming_of(node, segment_id)
            set_naming(node, segment_id, naming_for(structure, before))
            chosen = guess.structure if self._choices.is_chosen(node, segment_id) else None
            self._choices.choose(node, segment_id, structure)
            self._done.append(_Correction(node, segment_id, before, chosen))
            self._checks = tuple(one for one in self._checks if one is not check)
            self._show()
            text = _("{old} is now called {new}. Score it again under that name.")
            self._messages.info(text.format(old=before.name, new=structure.name))
        self._renamed()

    def undo(self) -> None:
        """Take the last correction back."""
        if not self._done or self._choices is None:
            return
        last = self._done.pop()
        with self._messages.telling():
            set_naming(last.node, last.segment_id, last.naming)
            self._choices.choose(last.node, last.segment_id, last.chosen)
            self._messages.info(_("{name} has its old name again.").format(name=last.naming.name))
        self._update_buttons()
        self._renamed()

    def _renamed(self) -> None:
        self._context.reread += 1
        self._context.changed()

    @property
    def _doubtful(self) -> list[NameCheck]:
        return sorted((one for one in self._checks if one.is_doubtful), key=lambda one: not one.confident)

    @property
    def _chosen(self) -> NameCheck | None:
        row, doubtful = self._ui.namesTable.currentRow(), self._doubtful
        return doubtful[row] if 0 <= row < len(doubtful) else None

    def _answered(self, result: Result) -> None:
        assert isinstance(result, NamesChecked)
        self._checks = result.checks
        self._show()

    def _show(self) -> None:
        table, doubtful = self._ui.namesTable, self._doubtful
        self._ui.namesBox.setVisible(True)
        table.setVisible(bool(doubtful))
        table.setRowCount(len(doubtful))
        for row, check in enumerate(doubtful):
            scores = f"{shown(check.score_named)} / {shown(check.score_other)}"
            cells = (check.segment, str(check.looks_like), scores, check.reason)
            for column, text in enumerate(cells):
                table.setItem(row, column, text_item(text, check.sentence))
        if doubtful:
            table.setCurrentCell(0, 0)
        self._update_buttons()

    def _update_buttons(self) -> None:
        check, button = self._chosen, self._ui.correctNameButton
        text = _("{count} of {total} names are in doubt.").format(
            count=len(self._doubtful), total=len(self._checks)
        )
        self._ui.namesInfo.text = text if check is None else f"{text}\n{check.sentence}"
        button.enabled = check is not None
        button.text = (
            _("Correct the name")
            if check is None
            else _("Rename {old} to {new}").format(old=check.segment, new=check.looks_like)
        )
        self._ui.undoNameButton.enabled = bool(self._done)
