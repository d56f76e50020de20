"""The marks of a reviewer on one segmentation, read from and kept in the scene. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from segae.results.files import write_table
from SegAELib.app.binding import Ui, _
from SegAELib.app.messages import mark_word
from SegAELib.app.results import Results, SliceKey
from SegAELib.app.score_style import number
from SegAELib.mrml.binding import SegmentationNode
from SegAELib.mrml.results_table import find_table
from SegAELib.mrml.review_table import (
    REVIEW,
    Mark,
    ReviewMark,
    export_rows,
    new_mark,
    read_marks,
    remove_mark,
    review_table,
    set_mark,
)

DONE: tuple[Mark, ...] = ("accept", "skip")  # these slices need not be looked at again


class Reviews:
    """A table node is made with the first mark, not before. Raises `InputError` for a damaged table."""

    def __init__(self, segmentation: SegmentationNode) -> None:
        self._segmentation = segmentation
        table = find_table(segmentation, REVIEW)
        marks = () if table is None else read_marks(table)
        self._marks: dict[tuple[str, int | None], ReviewMark] = {(m.segment_id, m.slice): m for m in marks}

    def of(self, segment_id: str, index: int | None) -> ReviewMark | None:
        """The mark on a slice, or on the whole segment (`index` None)."""
        return self._marks.get((segment_id, index))

    def is_done(self, key: SliceKey) -> bool:
        """Whether a slice, or its whole segment, was accepted or skipped."""
        marks = (self.of(*key), self.of(key[0], None))
        return any(mark is not None and mark.mark in DONE for mark in marks)

    def count(self, keys: Iterable[SliceKey]) -> int:
        """How many of these slices are done."""
        return sum(self.is_done(key) for key in keys)

    def set(self, mark: ReviewMark) -> None:
        """Keep a mark in the place of an earlier one on the same slice or segment."""
        set_mark(review_table(self._segmentation.GetScene(), self._segmentation), mark)
        self._marks[(mark.segment_id, mark.slice)] = mark

    def clear(self, segment_id: str, index: int | None) -> None:
        """Take a mark away."""
        if self._marks.pop((segment_id, index), None) is not None:
            remove_mark(review_table(self._segmentation.GetScene(), self._segmentation), segment_id, index)

    def export(self, path: Path) -> None:
        """All marks as CSV; raises `OutputError`."""
        columns, *rows = export_rows(self._marks.values())
        write_table(columns, rows, path)


class ReviewSection:
    """Marks the chosen slice, or its whole segment. `on_mark`: called after each mark, with whether to go on
    to the next slice."""

    def __init__(self, ui: Ui, on_mark: Callable[[bool], None]) -> None:
        self._ui, self._on_mark = ui, on_mark
        self._reviews: Reviews | None = None
        self._results: Results | None = None
        self._key: SliceKey | None = None
        buttons: tuple[tuple[str, Mark], ...] = (
            ("acceptButton", "accept"), ("needsWorkButton", "needs work"), ("skipButton", "skip"),
        )  # fmt: skip
        for name, mark in buttons:
            getattr(ui, name).connect("clicked()", partial(self.mark, mark))
        ui.clearMarkButton.connect("clicked()", self.clear)
        ui.sliceScope.connect("toggled(bool)", self._show)
        self._show()

    def show(self, reviews: Reviews | None, results: Results | None, key: SliceKey | None) -> None:
        """Offer to mark this slice."""
        self._reviews, self._results, self._key = reviews, results, key
        self._show()

    def mark(self, mark: Mark) -> None:
        """Mark what is chosen."""
        results, reviews, key = self._results, self._reviews, self._key
        if reviews is None or results is None or key is None or results.place(key) is None:
            return
        segment_id, index = key[0], self._index
        note = self._ui.noteEdit.text.strip()
        dice = self._dice(results, key)
        reviews.set(new_mark(segment_id, results.name(segment_id), index, mark, note=note, dice=dice))
        self._ui.noteEdit.text = ""
        self._show()
        self._on_mark(bool(self._ui.advanceCheckBox.checked))

    def clear(self) -> None:
        """Take the mark on what is chosen away."""
        if self._reviews is not None and self._key is not None:
            self._reviews.clear(self._key[0], self._index)
            self._show()
            self._on_mark(False)

    def _dice(self, results: Results, key: SliceKey) -> float | None:
        """Predicted Dice of what is marked; None where nothing was scored, in a slice without mask."""
        one = results.segments.get(key[0]) if self._index is None else results.slice(key)
        return None if one is None else one.predicted_dice

    @property
    def _index(self) -> int | None:
        return None if self._key is None or self._ui.segmentScope.checked else self._key[1]

    def _show(self, *_unused: object) -> None:
        ui, ready = self._ui, self._key is not None and self._reviews is not None
        for name in ("acceptButton", "needsWorkButton", "skipButton", "clearMarkButton", "noteEdit"):
            getattr(ui, name).enabled = ready
        ui.exportScoresButton.enabled = bool(self._results)
        ui.exportReviewButton.enabled = self._reviews is not None
        ui.reviewInfo.text = self._describe()

    def _describe(self) -> str:
        if self._reviews is None or not self._results:
            return _("Marks can be set once there are scores.")
        keys = self._results.all_slices()
        done = _("{done} of {total} slices are done.").format(done=self._reviews.count(keys), total=len(keys))
        mark = None if self._key is None else self._reviews.of(self._key[0], self._index)
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
