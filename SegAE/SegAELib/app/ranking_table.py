"""The ranked segments, worst first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from SegAELib.app.binding import Widget, _
from SegAELib.app.results import RankedSegment
from SegAELib.app.row_table import Row, RowTable
from SegAELib.app.score_style import ScoreStyle, interval, number
from SegAELib.app.words import organ_verdict_word, verdict_word
from SegAELib.mrml.review_table import ReviewMark

SEGMENT, SCORE, INTERVAL, REVIEW = 0, 2, 3, 6  # columns


class RankingTable:
    """`on_select` is called with the id of the segment that the user chose."""

    def __init__(self, table: Widget, on_select: Callable[[str], None]) -> None:
        titles = (
            _("Segment"), _("Verdict"), _("Dice"), _("90 %"), _("Worst"), _("Poor"), _("Review"),
        )  # fmt: skip
        self._table = RowTable(table, titles, SEGMENT, on_select)

    @property
    def selected(self) -> str | None:
        """Id of the chosen segment."""
        return self._table.selected

    def show(
        self, rows: Sequence[RankedSegment], style: ScoreStyle, mark_of: Callable[[str], ReviewMark | None]
    ) -> None:
        """Show these rows; the chosen segment stays chosen while it is among them."""
        marks = [mark_of(ranked.segment_id) for ranked in rows]
        self._table.show([_row(ranked, style, mark) for ranked, mark in zip(rows, marks, strict=True)])
        self._table.show_column(REVIEW, any(mark is not None for mark in marks))
        self._table.show_column(INTERVAL, any(ranked.verdict.interval_low is not None for ranked in rows))

    def select(self, segment_id: str | None) -> None:
        """Choose a segment without telling `on_select`."""
        self._table.select(segment_id)


def _row(ranked: RankedSegment, style: ScoreStyle, mark: ReviewMark | None) -> Row:
    verdict, score, name = ranked.verdict, ranked.score, ranked.verdict.segment
    tip = _tip(ranked)
    cells = (
        _("{segment} (edited)").format(segment=name) if ranked.stale else name,
        organ_verdict_word(verdict.verdict) if ranked.judged else "",
        number(verdict.dice),
        interval(verdict.interval_low, verdict.interval_high),
        "" if score.is_empty else number(score.worst),
        "" if score.is_empty else f"{round(score.poor_share * score.n_slices)}/{score.n_slices}",
        "" if mark is None else verdict_word(mark.verdict),
    )
    reasons = "\n".join(verdict.reasons) if ranked.judged and verdict.reasons else tip
    note = tip if mark is None or not mark.note else mark.note
    tips = (tip, reasons, tip, tip, tip, tip, note)
    return Row(
        ranked.segment_id, cells, tips, (SCORE, verdict.dice, style.colour(verdict.score)), ranked.stale
    )


def _tip(ranked: RankedSegment) -> str:
    score = ranked.score
    if score.is_empty:
        return _("{segment}, searched for as {organ}; the mask is empty.").format(
            segment=score.segment, organ=score.structure
        )
    tip = _("{segment}, scored as {organ}: mean {mean} over {count} slices, worst in slice {slice}.").format(
        segment=score.segment,
        organ=score.structure,
        mean=number(score.mean),
        count=score.n_slices,
        slice=score.worst_slice,
    )
    between = interval(ranked.verdict.interval_low, ranked.verdict.interval_high)
    if between:
        tip += " " + _("90 % interval of the whole segment: {interval}.").format(interval=between)
    if ranked.stale:
        tip += " " + _("It was edited after that: score the changed slices again.")
    return tip
