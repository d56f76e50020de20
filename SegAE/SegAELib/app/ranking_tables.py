"""The ranked segments, and the slices of the chosen one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from segae.results.types import SearchedSlice, SliceScore
from SegAELib.app.binding import Widget, _
from SegAELib.app.messages import bin_word, organ_verdict_word, verdict_word
from SegAELib.app.results import RankedSegment
from SegAELib.app.score_style import ScoreStyle, interval, number
from SegAELib.app.table_widgets import Row, RowTable
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
        self._table.show(
            [_segment_row(ranked, style, mark) for ranked, mark in zip(rows, marks, strict=True)]
        )
        self._table.show_column(REVIEW, any(mark is not None for mark in marks))
        self._table.show_column(INTERVAL, any(ranked.verdict.interval_low is not None for ranked in rows))

    def select(self, segment_id: str | None) -> None:
        """Choose a segment without telling `on_select`."""
        self._table.select(segment_id)


def _segment_row(ranked: RankedSegment, style: ScoreStyle, mark: ReviewMark | None) -> Row:
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


SLICE_SCORE, SLICE_INTERVAL, SLICE_REVIEW = 2, 3, 5  # columns


class SliceTable:
    """`on_select` is called with the index of the slice that the user chose."""

    def __init__(self, table: Widget, on_select: Callable[[int], None]) -> None:
        titles = (_("Slice"), _("Verdict"), _("Dice"), _("90 %"), _("Area"), _("Review"))
        self._table = RowTable(table, titles, SLICE_REVIEW, lambda key: on_select(int(key)))

    @property
    def selected(self) -> int | None:
        """Index of the chosen slice."""
        key = self._table.selected
        return None if key is None else int(key)

    def show(
        self,
        rows: Sequence[SliceScore],
        style: ScoreStyle,
        stale: Collection[int],
        mark_of: Callable[[int], ReviewMark | None],
        missing: Sequence[SearchedSlice] = (),
    ) -> None:
        """Show these slices: first those without mask in which the organ is `missing`, then the worst on top;
        `stale` ones were edited since."""
        ordered = sorted(rows, key=lambda row: row.score)
        shown = [_missing_row(one, style, mark_of(one.slice)) for one in missing]
        shown += [_slice_row(row, style, row.slice in stale, mark_of(row.slice)) for row in ordered]
        self._table.show(shown)
        self._table.show_column(SLICE_INTERVAL, any(row.interval_low is not None for row in ordered))

    def select(self, index: int | None) -> None:
        """Choose a slice without telling `on_select`."""
        self._table.select(None if index is None else str(index))


def _slice_row(row: SliceScore, style: ScoreStyle, is_stale: bool, mark: ReviewMark | None) -> Row:
    tip = _("Slice {slice}, at {z} mm, predicted Dice {score}.").format(
        slice=row.slice, z=f"{row.z:.1f}", score=number(row.score)
    )
    cells = (
        _("{slice} (edited)").format(slice=row.slice) if is_stale else str(row.slice),
        bin_word(style.key(row.score)),
        number(row.score),
        interval(row.interval_low, row.interval_high),
        _area(row.area_mm2),
        "" if mark is None else verdict_word(mark.verdict),
    )
    return _with_note(
        str(row.slice), cells, tip, (SLICE_SCORE, row.score, style.colour(row.score)), is_stale, mark
    )


def _missing_row(one: SearchedSlice, style: ScoreStyle, mark: ReviewMark | None) -> Row:
    area = _area(one.organ_mm2)
    tip = _("Slice {slice}, at {z} mm: no mask here, but about {area} of the organ.").format(
        slice=one.slice, z=f"{one.z:.1f}", area=area
    )
    review = "" if mark is None else verdict_word(mark.verdict)
    cells = (str(one.slice), _("missing"), number(0.0), "", area, review)
    return _with_note(str(one.slice), cells, tip, (SLICE_SCORE, 0.0, style.colour(0.0)), False, mark)


def _with_note(
    key: str, cells: tuple[str, ...], tip: str, bar: tuple[int, float, str], is_stale: bool,
    mark: ReviewMark | None,
) -> Row:  # fmt: skip
    note = tip if mark is None or not mark.note else mark.note
    return Row(key, cells, (*([tip] * (len(cells) - 1)), note), bar, is_stale)


def _area(square_mm: float) -> str:
    return _("{area} cm\u00b2").format(area=f"{square_mm / 100:.1f}")
