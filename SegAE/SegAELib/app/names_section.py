"""Whether each segment is what its name says, and the correction after a click."""

from __future__ import annotations

from dataclasses import dataclass

from segae.checks.names import NameCheck, corrected_names, shown
from segae.jobs.events import NamesChecked, Result
from segae.labels import Structure
from SegAELib.app.binding import _
from SegAELib.app.context import Context
from SegAELib.app.messages import counted
from SegAELib.app.model_facts import label_table_of
from SegAELib.app.segment_table import OrganChoices
from SegAELib.app.session import Session
from SegAELib.app.table_widgets import prepare, text_item
from SegAELib.mrml.binding import SegmentationNode
from SegAELib.mrml.scene_reader import segment_names
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
        self._done: list[tuple[_Correction, ...]] = []  # each of one click
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
        self._drop_renamed()

    def detach(self) -> None:
        """Nothing stays behind."""

    def check(self) -> None:
        """Ask which of the checked segments look like something else."""
        context = self._context
        self._forget()
        began = context.query("check names", context.checked, self._answered)
        if began and context.session is not None:
            self._session, self._node = context.session, context.session.segmentation
            table = label_table_of(context.parameters.model)
            self._choices = OrganChoices(context.parameters.organs, table)
            self._ids = {name: i for i, name in segment_names(self._node).items()}
        context.changed()

    def _forget(self) -> None:
        self._session = self._context.session
        self._node, self._checks, self._done = None, (), []
        self._ui.namesBox.setVisible(False)

    def _drop_renamed(self) -> None:
        """What was said of a segment is over when it is renamed elsewhere, or deleted."""
        if self._node is None or self._node.GetScene() is None:
            return
        names = segment_names(self._node)
        kept = tuple(one for one in self._checks if names.get(self._ids[one.segment]) == one.segment)
        if len(kept) != len(self._checks):
            self._checks = kept
            self._show()

    def correct(self) -> None:
        """Give the chosen segment the name of what it looks like; of a swapped pair both."""
        check = self._chosen
        if check is None or self._node is None or self._choices is None:
            return
        swapped = self._swapped_with(check)
        checks = [check] if swapped is None else [check, swapped]
        with self._messages.telling():
            structures = corrected_names(self._checks, [one.segment for one in checks])
            namings = {one.segment: self._naming(one) for one in checks}
            done = tuple(self._rename(one, structures[one.segment], namings[one.segment]) for one in checks)
            self._done.append(done)
            self._checks = tuple(one for one in self._checks if one not in checks)
            self._show()
            text = (
                _("{old} is now called {new}. Score it again under that name.")
                if swapped is None
                else _("{old} and {new} are swapped. Score both again.")
            )
            self._messages.info(text.format(old=done[0].naming.name, new=namings[check.segment].name))
        self._renamed()

    def _rename(self, check: NameCheck, structure: Structure, naming: Naming) -> _Correction:
        assert self._node is not None and self._choices is not None
        node, segment_id = self._node, self._ids[check.segment]
        guess, before = self._context.organs[segment_id], naming_of(node, segment_id)
        set_naming(node, segment_id, naming)
        chosen = guess.structure if self._choices.is_chosen(node, segment_id) else None
        self._choices.choose(node, segment_id, structure)
        return _Correction(node, segment_id, before, chosen)

    def _naming(self, check: NameCheck) -> Naming:
        """Name and terminology of what a segment looks like, in the spelling of its file."""
        assert self._node is not None and check.looks_like is not None
        segmentation = self._node.GetSegmentation()
        others = [segmentation.GetSegment(i).GetName() or "" for i in segmentation.GetSegmentIDs()]
        return naming_for(check.looks_like, naming_of(self._node, self._ids[check.segment]), others)

    def _swapped_with(self, check: NameCheck) -> NameCheck | None:
        """The segment that looks like what this one is called, while this one looks like that."""
        return next(
            (
                other
                for other in self._checks
                if other.looks_like == check.named and check.looks_like == other.named
            ),
            None,
        )

    def undo(self) -> None:
        """Take the last correction back."""
        if not self._done or self._choices is None:
            return
        with self._messages.telling():
            names = []
            for last in self._done.pop():
                set_naming(last.node, last.segment_id, last.naming)
                self._choices.choose(last.node, last.segment_id, last.chosen)
                names.append(last.naming.name)
            one, many = _("{names} has its old name again."), _("{names} have their old names again.")
            self._messages.info(counted(len(names), one, many, names=_(" and ").join(names)))
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
        # one that was renamed while it was read is left out
        self._checks = tuple(one for one in result.checks if one.segment in self._ids)
        self._show()

    def _show(self) -> None:
        table, doubtful = self._ui.namesTable, self._doubtful
        self._ui.namesBox.setVisible(True)
        table.setVisible(bool(doubtful))
        table.setRowCount(len(doubtful))
        for row, check in enumerate(doubtful):
            scores = f"{shown(check.score_named)} / {shown(check.score_other)}"
            cells = (check.segment, self._naming(check).name, scores, check.reason)
            for column, text in enumerate(cells):
                table.setItem(row, column, text_item(text, check.sentence))
        if doubtful:
            table.setCurrentCell(0, 0)
        self._update_buttons()

    def _update_buttons(self) -> None:
        check, button = self._chosen, self._ui.correctNameButton
        doubtful, total = len(self._doubtful), len(self._checks)
        one, many = _("{count} of {total} names is in doubt."), _("{count} of {total} names are in doubt.")
        text = counted(doubtful, one, many, total=total)
        if not doubtful:
            text = _("No name is in doubt ({total} checked).").format(total=total)
        self._ui.namesInfo.text = text if check is None else f"{text}\n{check.sentence}"
        button.enabled = check is not None
        for one_of_both in (button, self._ui.undoNameButton):
            one_of_both.setVisible(bool(doubtful or self._done))
        button.text = _("Correct the name")
        if check is not None:
            swapped = self._swapped_with(check)
            words = _("Rename {old} to {new}") if swapped is None else _("Swap {old} and {new}")
            new = self._naming(check).name if swapped is None else swapped.segment
            button.text = words.format(old=check.segment, new=new)
        self._ui.undoNameButton.enabled = bool(self._done)
