"""The reviewer's marks: accept, needs work, skip."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from segae.report import POOR
from SegAELib.app.binding import Ui, _
from SegAELib.app.results import Results, SliceKey
from SegAELib.app.reviews import Reviews
from SegAELib.app.score_style import number
from SegAELib.app.words import verdict_word
from SegAELib.mrml.review_table import Verdict, new_mark


class ReviewSection:
    """Marks the chosen slice, or its whole segment. `on_mark`: called after each mark, with whether to go on
    to the next slice."""

    def __init__(self, ui: Ui, on_mark: Callable[[bool], None]) -> None:
        self._ui, self._on_mark = ui, on_mark
        self._reviews: Reviews | None = None
        self._results: Results | None = None
        self._key: SliceKey | None = None
        verdicts: tuple[tuple[str, Verdict], ...] = (
            ("acceptButton", "accept"), ("needsWorkButton", "needs work"), ("skipButton", "skip"),
        )  # fmt: skip
        for name, verdict in verdicts:
            getattr(ui, name).connect("clicked()", partial(self.mark, verdict))
        ui.clearMarkButton.connect("clicked()", self.clear)
        ui.sliceScope.connect("toggled(bool)", self._show)
        self._show()

    def show(self, reviews: Reviews | None, results: Results | None, key: SliceKey | None) -> None:
        """Offer to mark this slice."""
        self._reviews, self._results, self._key = reviews, results, key
        self._show()

    def mark(self, verdict: Verdict) -> None:
        """Mark what is chosen."""
        results, reviews, key = self._results, self._reviews, self._key
        if reviews is None or results is None or key is None or results.place(key) is None:
            return
        segment_id, index = key[0], self._index
        note = self._ui.noteEdit.text.strip()
        score = self._score(results, key)
        reviews.set(new_mark(segment_id, results.name(segment_id), index, verdict, note=note, score=score))
        self._ui.noteEdit.text = ""
        self._show()
        self._on_mark(bool(self._ui.advanceCheckBox.checked))

    def clear(self) -> None:
        """Take the mark on what is chosen away."""
        if self._reviews is not None and self._key is not None:
            self._reviews.clear(self._key[0], self._index)
            self._show()
            self._on_mark(False)

    def _score(self, results: Results, key: SliceKey) -> float | None:
        """Of what is marked; None where nothing was scored, in a slice without mask."""
        if self._index is None:
            verdict = results.verdicts(POOR).get(key[0])
            return None if verdict is None else verdict.score
        row = results.row(key)
        return None if row is None else row.score

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
        keys = self._results.worst_slices()
        done = _("{done} of {total} slices are done.").format(done=self._reviews.count(keys), total=len(keys))
        mark = None if self._key is None else self._reviews.of(self._key[0], self._index)
        if mark is None:
            return done
        score = "-" if mark.score is None else number(mark.score)
        said = _("Marked {verdict} on {time} at {score}. {note}").format(
            verdict=verdict_word(mark.verdict),
            time=mark.time[:16].replace("T", " "),
            score=score,
            note=mark.note,
        )
        return f"{said.strip()}\n{done}"
