"""The ranked segments, worst first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from SegAELib.app.binding import Widget, _
from SegAELib.app.results import RankedSegment
from SegAELib.app.row_table import Row, RowTable
from SegAELib.app.score_style import ScoreStyle, number
from SegAELib.app.words import bin_word, verdict_word
from SegAELib.mrml.review_table import ReviewMark

SEGMENT, SCORE = 0, 1  # columns


class RankingTable:
    """`on_select` is called with the id of the segment that the user chose."""

    def __init__(self, table: Widget, on_select: Callable[[str], None]) -> None:
        titles = (_("Segment"), _("Predicted Dice"), _("Worst"), _("Poor"), _("Review"))
        self._table = RowTable(table, titles, SEGMENT, on_select)

    @property
    def selected(self) -> str | None:
        """Id of the chosen segment."""
        return self._table.selected

    def show(
        self, rows: Sequence[RankedSegment], style: ScoreStyle, mark_of: Callable[[str], ReviewMark | None]
    ) -> None:
        """Show these rows; the chosen segment stays chosen while it is among them."""
        self._table.show([_row(ranked, style, mark_of(ranked.segment_id)) for ranked in rows])

    def select(self, segment_id: str | None) -> None:
        """Choose a segment without telling `on_select`."""
        self._table.select(segment_id)


def _row(ranked: RankedSegment, style: ScoreStyle, mark: ReviewMark | None) -> Row:
    score, name = ranked.score, ranked.score.segment
    tip = _("{segment}, scored as {organ}: mean {mean} over {count} slices, worst in slice {slice}.").format(
        segment=name,
        organ=score.structure,
        mean=number(score.mean),
        count=score.n_slices,
        slice=score.worst_slice,
    )
    if ranked.stale:
        tip += " " + _("It was edited after that: score the changed slices again.")
    cells = (
        _("{segment} (edited)").format(segment=name) if ranked.stale else name,
        f"{number(score.mean)} {bin_word(style.key(score.mean))}",
        number(score.worst),
        f"{round(score.poor_share * score.n_slices)}/{score.n_slices}",
        "" if mark is None else verdict_word(mark.verdict),
    )
    tips = (tip,) * (len(cells) - 1) + (tip if mark is None or not mark.note else mark.note,)
    return Row(ranked.segment_id, cells, tips, (SCORE, score.mean, style.colour(score.mean)), ranked.stale)
