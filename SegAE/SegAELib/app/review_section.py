"""The marks of a reviewer on the chosen slice or segment, and the export of scores and marks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from segae.results.files import write_report, write_table
from segae.results.tables import segment_table
from SegAELib.app.binding import _, qt
from SegAELib.app.context import Context
from SegAELib.app.messages import mark_word
from SegAELib.app.results import Results, SliceKey
from SegAELib.app.score_style import number
from SegAELib.mrml.review_table import DONE, Mark, Reviews, new_mark

BUTTONS: dict[str, Mark] = {"acceptButton": "accept", "needsWorkButton": "needs work", "skipButton": "skip"}


class ReviewSection:
    """Marks the chosen slice, or its whole segment."""

    def attach(self, context: Context) -> None:
        self._context = context
        self._shown: tuple[Any, ...] = ()
        ui = context.ui
        for name, mark in BUTTONS.items():
            getattr(ui, name).connect("clicked()", partial(self.mark, mark))
        ui.clearMarkButton.connect("clicked()", self.clear)
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
        if shown != self._shown:
            self._shown = shown
            self._show()

    def detach(self) -> None:
        """Nothing stays behind."""

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
        done = _("{done} of {total} slices are done.").format(
            done=_count_done(reviews, results), total=results.count_below()[1]
        )
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

    def _csv_path(self, title: str, proposal: str) -> Path | None:
        parent = self._context.ui.exportScoresButton
        path = qt.QFileDialog.getSaveFileName(parent, title, proposal, "CSV (*.csv)")
        return Path(path).with_suffix(".csv") if path else None


def _count_done(reviews: Reviews, results: Results) -> int:
    """How many scored slices are accepted or skipped, alone or with their segment."""
    done = [mark for mark in reviews.marks if mark.mark in DONE]
    whole = {mark.segment_id for mark in done if mark.slice is None}
    alone = ((mark.segment_id, mark.slice) for mark in done if mark.segment_id not in whole)
    return sum(results.segments[i].n_slices for i in whole if i in results.segments) + sum(
        index is not None and results.slice((segment_id, index)) is not None for segment_id, index in alone
    )
