"""The marks of a reviewer on the chosen slice or segment, and the export of scores and marks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from segae.results.files import write_report, write_table
from segae.results.tables import segment_table
from SegAELib.app.binding import _, qt, slicer
from SegAELib.app.context import Context
from SegAELib.app.messages import counted, mark_word
from SegAELib.app.results import Results, SliceKey
from SegAELib.app.score_style import number
from SegAELib.mrml.review_table import Mark, Reviews, new_mark

BUTTONS: dict[str, Mark] = {"acceptButton": "accept", "needsWorkButton": "needs work", "skipButton": "skip"}
KEYS: dict[str, Mark] = {"A": "accept", "W": "needs work", "S": "skip"}


class ReviewSection:
    """Marks the chosen slice, or its whole segment, by buttons and by keys while the module is shown."""

    def attach(self, context: Context) -> None:
        self._context = context
        self._shown: tuple[Any, ...] = ()
        self._segment: str | None = None
        ui = context.ui
        for name, mark in BUTTONS.items():
            getattr(ui, name).connect("clicked()", partial(self.mark, mark))
        ui.clearMarkButton.connect("clicked()", self.clear)
        ui.walkCombo.addItem(_("over all segments"), "all")
        ui.walkCombo.addItem(_("segment by segment"), "segment")
        ui.walkCombo.connect("currentIndexChanged(int)", self._walk_chosen)
        self._shortcuts = self._make_shortcuts()
        ui.sliceScope.connect("toggled(bool)", self._show)
        ui.exportScoresButton.connect("clicked()", self._export_scores)
        ui.exportReviewButton.connect("clicked()", self._export_review)
        self._show()

    def refresh(self) -> None:
        """Offer to mark what is chosen."""
        context, results, reviews = self._context, self._context.results, self._context.reviews
        shown = (
            id(results), results and results.revision, id(reviews), reviews and reviews.revision,
            context.selected,
        )  # fmt: skip
        for shortcut in self._shortcuts:
            shortcut.setEnabled(context.visible and reviews is not None)
        if context.parameters is not None:
            combo = context.ui.walkCombo
            was = combo.blockSignals(True)
            combo.setCurrentIndex(combo.findData(context.parameters.walk))
            combo.blockSignals(was)
        if context.segment != self._segment:  # a choice of "whole segment" is one of this segment
            self._segment = context.segment
            context.ui.sliceScope.checked = True
        if shown != self._shown:
            self._shown = shown
            self._show()

    def detach(self) -> None:
        """Take the keys off the main window, which lives longer than the module."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []

    def mark(self, mark: Mark) -> None:
        """Mark what is chosen, and go on to the next slice if the user wants that."""
        context, key = self._context, self._context.selected
        results, reviews = context.results, context.reviews
        if reviews is None or results is None or key is None or results.place(key) is None:
            return
        segment_id, index = key[0], self._index
        note = context.ui.noteEdit.text.strip()
        dice = self._dice(results, key)
        reviews.set(new_mark(segment_id, results.name(segment_id), index, mark, note=note, dice=dice))
        context.ui.noteEdit.text = ""
        context.ui.sliceScope.checked = True
        if not (context.ui.advanceCheckBox.checked and context.walk(1)):
            context.changed()

    def clear(self) -> None:
        """Take the mark on what is chosen away."""
        reviews, key = self._context.reviews, self._context.selected
        if reviews is not None and key is not None:
            reviews.clear(key[0], self._index)
            self._context.changed()

    def _dice(self, results: Results, key: SliceKey) -> float | None:
        """Predicted Dice of what is marked; None where nothing was scored, in a slice without mask."""
        one = results.segments.get(key[0]) if self._index is None else results.slice(key)
        return None if one is None else one.predicted_dice

    @property
    def _index(self) -> int | None:
        key = self._context.selected
        return None if key is None or self._context.ui.segmentScope.checked else key[1]

    def _show(self, *_unused: object) -> None:
        context, ui = self._context, self._context.ui
        ready = context.selected is not None and context.reviews is not None
        for name in (*BUTTONS, "clearMarkButton", "noteEdit"):
            getattr(ui, name).enabled = ready
        ui.exportScoresButton.enabled = context.results is not None
        ui.exportReviewButton.enabled = context.reviews is not None
        ui.reviewInfo.text = self._describe()

    def _describe(self) -> str:
        results, reviews, key = self._context.results, self._context.reviews, self._context.selected
        if reviews is None or results is None:
            return _("Marks can be set once there are scores.")
        done = _progress(results, reviews)
        mark = None if key is None else reviews.of(key[0], self._index)
        if mark is None:
            return done
        score = "-" if mark.dice is None else number(mark.dice)
        said = _("Marked {mark} on {time} at {score}. {note}").format(
            mark=mark_word(mark.mark),
            time=mark.time[:16].replace("T", " "),
            score=score,
            note=mark.note,
        )
        return f"{said.strip()}\n{done}"

    def _export_scores(self) -> None:
        """Ask for a file, and write the report as CSV, in the form of `segae score`, and the verdicts on
        whole segments beside it."""
        context = self._context
        path = None if context.results is None else self._csv_path(_("Export scores"), "scores.csv")
        if path is None or context.results is None:
            return
        report = context.results.whole_report()
        segments = path.with_name(f"{path.stem}-segments.csv")
        with context.messages.telling():
            write_report(report, path)
            write_table(*segment_table(report, context.order), segments)
            text = _("Scores of slices are in {path}, verdicts on segments in {segments}.")
            context.messages.info(text.format(path=path, segments=segments))

    def _export_review(self) -> None:
        """Ask for a file, and write the marks as CSV."""
        context = self._context
        path = None if context.reviews is None else self._csv_path(_("Export review"), "review.csv")
        if path is not None and context.reviews is not None:
            with context.messages.telling():
                context.reviews.export(path)
                context.messages.info(_("Marks are in {path}.").format(path=path))

    def _walk_chosen(self, index: int) -> None:
        if self._context.parameters is not None:
            self._context.parameters.walk = self._context.ui.walkCombo.itemData(index)

    def _make_shortcuts(self) -> list[Any]:
        """A line edit that is written into keeps its letters: Qt asks it first."""
        window = slicer.util.mainWindow()
        shortcuts = []
        for key, mark in KEYS.items() if window is not None else ():
            shortcut = qt.QShortcut(qt.QKeySequence(key), window)
            shortcut.connect("activated()", partial(self.mark, mark))
            shortcut.setEnabled(False)
            shortcuts.append(shortcut)
        return shortcuts

    def _csv_path(self, title: str, proposal: str) -> Path | None:
        parent = self._context.ui.exportScoresButton
        path = qt.QFileDialog.getSaveFileName(parent, title, proposal, "CSV (*.csv)")
        return Path(path).with_suffix(".csv") if path else None


def _progress(results: Results, reviews: Reviews) -> str:
    """How far the review is: of the slices that need one, and what has to be worked on."""
    wanted = results.to_review()
    if not wanted:
        return _("No slice is weak, poor or missing.")
    done = sum(reviews.is_marked(key) for key in wanted)
    text = counted(
        len(wanted),
        _("{done} of {count} weak, poor or missing slice is reviewed."),
        _("{done} of {count} weak, poor or missing slices are reviewed."),
        done=done,
    )
    work = sum(mark.mark == "needs work" for mark in reviews.marks)
    if not work:
        return text
    return f"{text} {counted(work, _('{count} mark says: needs work.'), _('{count} marks say: needs work.'))}"
