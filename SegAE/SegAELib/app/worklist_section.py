"""The worklist: masks of a whole data set in review order, opened, corrected and decided one by one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from segae.batch.worklist import Choice, Outcome, WorkItem, Worklist
from segae.errors import InputError
from segae.jobs.events import Progress
from segae.results.reviews import Decision, ReviewLog
from SegAELib.app.binding import _, qt, slicer
from SegAELib.app.calls import Calls
from SegAELib.app.context import Context
from SegAELib.app.dependencies import FOR_PARQUET, missing_packages
from SegAELib.app.messages import counted, verdict_word
from SegAELib.app.review_desk import ReviewDesk, default_reviewer
from SegAELib.app.score_style import interval, number
from SegAELib.app.worklist_reader import Reader, WorklistReader
from SegAELib.app.worklist_table import WorklistTable, state_words

EDIT = "worklistEditButton"  # which the section of the Segment Editor answers to
# Letters and brackets belong to the slice views and to the review of slices, digits to the Segment Editor.
KEYS = {
    "F5": "worklistShowButton", "F6": "worklistSaveNextButton", "F7": "worklistAcceptButton",
    "F8": "worklistSkipButton", "F9": EDIT,
}  # fmt: skip
DECISIONS: dict[str, Decision] = {
    "worklistAcceptButton": "accept", "worklistNeedsWorkButton": "needs work", "worklistSkipButton": "skip",
}  # fmt: skip
LAST_FOLDER, REVIEWER = "SegAE/worklist", "SegAE/reviewer"  # settings
OWN = "SegAE"  # module


class WorklistSection:
    """Opens a folder of results. What was decided is kept there at once, in a file of each reviewer: there is
    nothing to save, and another session goes on where this one ends, in whatever way."""

    def attach(self, context: Context) -> None:
        self._context, self._ui = context, context.ui
        self._calls = Calls()
        self._desk, self._reader = ReviewDesk(context, self._calls), WorklistReader(self._calls)
        self._answers: tuple[Callable[[], None], Callable[[], None]] | None = None  # to save, to discard
        self._loading, self._problem = False, ""
        ui = context.ui
        self._table = WorklistTable(ui.worklistTable, self.choose, context.later)
        for text, choice in (
            (_("Masks to review"), "to review"), (_("Still to do"), "to do"), (_("All masks"), "all"),
        ):  # fmt: skip
            ui.worklistCombo.addItem(text, choice)
        ui.worklistCombo.connect("currentIndexChanged(int)", self._changed)
        ui.worklistFilterEdit.connect("textChanged(QString)", self._changed)
        ui.reviewerEdit.text = str(qt.QSettings().value(REVIEWER) or "") or default_reviewer()
        ui.reviewerEdit.connect("editingFinished()", self._named)
        ui.openResultsButton.connect("clicked()", self._choose_folder)
        ui.worklistShowButton.connect("clicked()", self.show_next)
        ui.worklistSaveNextButton.connect("clicked()", self.save)
        for name, decision in DECISIONS.items():
            getattr(ui, name).connect("clicked()", partial(self.decide, decision))
        ui.worklistSaveButton.connect("clicked()", partial(self._answer, 0))
        ui.worklistDiscardButton.connect("clicked()", partial(self._answer, 1))
        ui.worklistStayButton.connect("clicked()", partial(self._answer, None))
        self._shortcuts = self._make_shortcuts()
        self._show_reading(None)
        self._answer(None)

    @property
    def worklist(self) -> Worklist | None:
        """The list of the folder that is open."""
        return self._desk.worklist

    @property
    def item(self) -> WorkItem | None:
        """The chosen mask."""
        return self._desk.item

    @property
    def busy(self) -> bool:
        """Whether a case is being read for the chosen mask, or saved."""
        return self._loading or "save" in self._calls

    @property
    def is_scoring(self) -> bool:
        """Whether corrected masks are scored in the background."""
        return self._desk.is_scoring

    def refresh(self) -> None:
        """Show the list, how much of it is done, and what can be pressed."""
        context, ui, worklist = self._context, self._ui, self.worklist
        for shortcut in self._shortcuts:
            shortcut.setEnabled(worklist is not None and (context.visible or context.editing))
        ui.worklistBody.setVisible(worklist is not None)
        ui.worklistSaveNextButton.enabled = self._desk.is_shown and not self.busy
        for name in DECISIONS:
            getattr(ui, name).enabled = self.item is not None and not self.busy
        ui.worklistShowButton.enabled = "save" not in self._calls
        if worklist is None:
            return
        done, total = worklist.progress
        ui.worklistProgress.text = counted(
            total,
            _("{done} of {count} mask done"),
            _("{done} of {count} masks done"),
            done=done,
        )
        choice: Choice = ui.worklistCombo.itemData(ui.worklistCombo.currentIndex)
        words = ui.worklistFilterEdit.text
        left = self._table.show(worklist, choice, words, self.item, context.style)
        scoring = _("Corrected masks are being scored.") if self.is_scoring else ""
        ui.worklistInfo.text = " ".join(filter(None, (self._problem, left, scoring)))
        ui.worklistInfo.setVisible(bool(ui.worklistInfo.text))
        ui.worklistCurrent.text = self._describe()

    def detach(self) -> None:
        """Stop what runs and take the keys off the main window; what was decided is on the disk."""
        self._reader.stop()
        self._desk.close()
        self._calls.close()
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []

    # The folder

    def open(self, folder: Path) -> None:
        """Read a folder of results in the background, and list its masks."""
        self._unless_edited(lambda: self._open(folder))

    def _open(self, folder: Path) -> None:
        context = self._context
        is_parquet = any((folder / "cases").glob("*.parquet"))
        if is_parquet and missing_packages(FOR_PARQUET):
            context.has_packages(FOR_PARQUET, _("Reading the results of a batch"))
            return

        def ready(worklist: Worklist, problems: list[str]) -> None:
            self._desk.worklist = worklist
            qt.QSettings().setValue(LAST_FOLDER, str(folder))
            self._show_reading(None)
            self._ui.worklistTitle.text = str(folder)
            if problems:
                text = counted(
                    len(problems), _("{count} file was left out: {first}"),
                    _("{count} files were left out, the first: {first}"), first=problems[0],
                )  # fmt: skip
                context.messages.error(text)
            self._desk.score_corrected(context.messages.error, every=True)
            context.changed()

        with context.messages.telling():
            self._desk.discard()
            self._desk.close()
            self._show_reading(Progress("reading reports"))
            self._reader.read(folder, Reader(ready, self._failed, self._show_reading))
        context.changed()

    def _choose_folder(self) -> None:
        before = str(qt.QSettings().value(LAST_FOLDER) or "")
        title, button = _("Folder of results"), self._ui.openResultsButton
        folder = qt.QFileDialog.getExistingDirectory(button, title, before)
        if folder:
            self.open(Path(folder))

    # The masks

    def show_next(self) -> None:
        """Show the next mask that is not done; the first time the first one."""
        if self.worklist is None:
            return
        if self.item is not None and not self._desk.is_shown and not self._loading:
            self.choose(self.item)  # once more: it could not be read
        else:
            self._next()

    def choose(self, item: WorkItem) -> None:
        """Open a mask: its case is loaded unless it is there, and the views go to the worst slice."""
        if "save" in self._calls or self._context.parameters is None:
            self._context.changed()
        elif self._desk.leaves(item):
            self._unless_edited(lambda: self._go(item))
        else:
            self._go(item)

    def save(self) -> None:
        """Save what was corrected, and go to the next mask."""
        context = self._context
        with context.messages.telling():
            if self._in_way():
                return
            if not self._desk.is_corrected():
                assert self.item is not None
                text = _('Nothing was changed in "{segment}"; edit it, or press Accept if it is fine.')
                context.messages.error(text.format(segment=self.item.segment))
                return
            self._save(self._next, decided=True)

    def decide(self, decision: Decision) -> None:
        """Decide without a change, and go to the next mask. One that was saved anew before is not accepted as
        it was scored, but as it is."""
        context, item = self._context, self.item
        if item is None or self.busy:
            return
        with context.messages.telling():
            edited = self._desk.is_shown and item.segment in self._desk.edits().names
            if decision == "accept" and self._in_way():
                return
            if edited:
                text = _('"{segment}" was edited. Save it, or discard the changes of {case}?')

                def discarded() -> None:
                    with context.messages.telling():
                        self._log(self._desk.outcome(decision, self._note), discard=True)

                self._ask(text.format(segment=item.segment, case=item.case), self.save, discarded)
            elif decision == "accept" and self._desk.is_corrected():
                self._save(self._next, decided=True)
            else:
                self._log(self._desk.outcome(decision, self._note))

    def _next(self) -> None:
        """On to the next mask that nobody has decided about."""
        worklist = self.worklist
        assert worklist is not None
        try:
            worklist.follow()
            self._problem = ""
        except InputError as error:  # in the file of another reviewer; one's own work goes on
            self._problem = str(error)
        item = worklist.next_open(self.item)
        if item is None:
            self._context.messages.info(_("All masks that need review are done."))
            self._context.changed()
        else:
            self.choose(item)

    @property
    def _note(self) -> str:
        return self._ui.worklistNoteEdit.text.strip()

    def _in_way(self) -> bool:
        """Whether something keeps the chosen mask from being judged, which is said then. Raises `InputError`
        for a reviewer without a name."""
        assert self.worklist is not None
        ReviewLog(self.worklist.folder, self._reviewer)
        obstacle = "" if self.busy else self._desk.obstacle
        if obstacle:
            self._context.messages.error(obstacle)
        return self.busy or bool(obstacle)

    def _go(self, item: WorkItem) -> None:
        context = self._context
        self._come_back()
        context.messages.clear()
        self._answer(None)
        self._loading = True

        def told(problem: str) -> None:
            self._loading = False
            with context.messages.telling():
                self._desk.ahead()
            if problem:
                context.messages.error(problem)
            context.changed()

        self._desk.open(item, told)
        context.changed()

    def _save(self, then: Callable[[], None], *, decided: bool) -> None:
        """Save what was edited in the case; `decided`: that is the decision about the chosen mask."""
        context = self._context

        def saved(outcome: Outcome) -> None:
            with context.messages.telling():
                if decided:
                    self._desk.log(self._reviewer, outcome)
                    self._ui.worklistNoteEdit.text = ""
                then()
            self._desk.score_corrected(context.messages.error)
            context.changed()

        self._desk.save(self._desk.edits(), saved, self._failed, self._note)
        context.changed()

    def _failed(self, sentence: str) -> None:
        """What was begun in the background came to nothing."""
        self._show_reading(None)
        self._context.messages.error(sentence)
        self._context.changed()

    def _log(self, outcome: Outcome, *, discard: bool = False) -> None:
        self._desk.log(self._reviewer, outcome)
        self._ui.worklistNoteEdit.text = ""
        if discard:
            self._desk.discard()
        self._next()

    # Changes that are not saved

    def _unless_edited(self, then: Callable[[], None]) -> None:
        """Do something that takes the case away, after the question what becomes of its edits."""
        edits = None
        with self._context.messages.telling():
            edits = self._desk.edits()
        if not edits:
            then()
            return
        item = self.item
        names = ", ".join(sorted(edits.names))
        text = _("Changes are not saved: {names}. Save them before the case is left?").format(names=names)

        def save() -> None:
            with self._context.messages.telling():
                self._save(then, decided=item is not None and item.segment in edits.names)

        def discard() -> None:
            self._desk.discard()
            then()

        self._ask(text, save, discard)

    def _ask(self, text: str, save: Callable[[], None], discard: Callable[[], None]) -> None:
        self._answers = (save, discard)
        self._ui.worklistQuestionLabel.text = text
        self._ui.worklistQuestion.setVisible(True)
        self._context.changed()

    def _answer(self, which: int | None) -> None:
        """Take the question away and do what was chosen; None for nothing."""
        answers, self._answers = self._answers, None
        self._ui.worklistQuestion.setVisible(False)
        if answers is not None and which is not None:
            answers[which]()

    # Words

    @property
    def _reviewer(self) -> str:
        return self._ui.reviewerEdit.text.strip()

    def _named(self) -> None:
        qt.QSettings().setValue(REVIEWER, self._reviewer)

    def _describe(self) -> str:
        """What is said of the chosen mask."""
        item, result = self.item, self._desk.result
        if item is None:
            return _("Click on a mask, or press F5 for the first one.")
        text = _("{segment} of {case}: {verdict}").format(
            segment=item.segment, case=item.case, verdict=verdict_word(item.verdict)
        )
        if item.predicted_dice is not None:
            text += _(", predicted Dice {dice}").format(dice=number(item.predicted_dice))
            between = interval(item.interval_low, item.interval_high)
            text += f" ({between})" if between else ""
        if "save" in self._calls:
            return f"{text}. {_('Saving...')}"
        if self._loading:
            return f"{text}. {_('Loading...')}"
        done = None if self.worklist is None else self.worklist.done(item)
        if done is not None:
            text += f" ({state_words(done)})"
        return " ".join([f"{text}.", *(() if result is None else result.reasons), *self._desk.notes])

    def _show_reading(self, progress: Progress | None) -> None:
        """How far the folder is read; None when nothing is."""
        bar = self._ui.worklistBar
        bar.setVisible(progress is not None)
        self._ui.openResultsButton.enabled = progress is None
        if progress is not None:
            bar.setRange(0, progress.total)
            bar.setValue(progress.done)

    def _changed(self, *_unused: object) -> None:
        self._context.changed()

    def _key_pressed(self, name: str) -> None:
        """Press a button, here, so that what is said stands below it."""
        if name == EDIT and self._context.editing:
            return
        self._come_back()
        getattr(self._ui, name).click()

    def _come_back(self) -> None:
        """From the Segment Editor, whose masks may be taken away; they are scored in the background."""
        if self._context.editing:
            slicer.util.selectModule(OWN)
            self._context.later("re-score", lambda: None)

    def _make_shortcuts(self) -> list[Any]:
        window, shortcuts = slicer.util.mainWindow(), []
        for key, name in KEYS.items() if window is not None else ():
            shortcut = qt.QShortcut(qt.QKeySequence(key), window)
            shortcut.connect("activated()", partial(self._key_pressed, name))
            shortcut.setEnabled(False)
            shortcuts.append(shortcut)
        return shortcuts
