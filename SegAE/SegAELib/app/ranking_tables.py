"""The ranked segments, and the slices of the chosen one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from segae.results.columns import volume_text
from segae.results.types import SliceResult
from SegAELib.app.binding import Widget, _
from SegAELib.app.messages import bin_word, mark_word, verdict_word
from SegAELib.app.results import RankedSegment
from SegAELib.app.score_style import ScoreStyle, interval, number
from SegAELib.app.table_widgets import Later, Row, RowTable
from SegAELib.mrml.review_table import ReviewMark

SCORE, INTERVAL, REVIEW = 2, 3, 7  # columns


class RankingTable:
    """`on_select` is called with the id of the segment that the user chose."""

    def __init__(self, table: Widget, on_select: Callable[[str], None], later: Later) -> None:
        titles = (
            _("Segment"), _("Verdict"), _("Dice"), _("90% interval"), _("Wrong"), _("Worst"), _("Below"),
            _("Mark"),
        )  # fmt: skip
        self._table = RowTable(table, titles, on_select, later)
        self._made: dict[str, tuple[tuple[RankedSegment, ReviewMark | None], Row]] = {}
        self._style: ScoreStyle | None = None

    @property
    def selected(self) -> str | None:
        """Id of the chosen segment."""
        return self._table.selected

    def show(
        self, rows: Sequence[RankedSegment], style: ScoreStyle, mark_of: Callable[[str], ReviewMark | None]
    ) -> None:
        """Show these rows; the chosen segment stays chosen while it is among them."""
        marks = [mark_of(ranked.segment_id) for ranked in rows]
        if style != self._style:
            self._style, self._made = style, {}
        self._table.show([self._row(ranked, style, mark) for ranked, mark in zip(rows, marks, strict=True)])
        self._table.show_column(REVIEW, any(mark is not None for mark in marks))
        self._table.show_column(INTERVAL, any(ranked.result.interval_low is not None for ranked in rows))

    def select(self, segment_id: str | None) -> None:
        """Choose a segment without telling `on_select`."""
        self._table.select(segment_id)

    def reveal(self) -> None:
        """Scroll to the chosen segment."""
        self._table.reveal()

    def _row(self, ranked: RankedSegment, style: ScoreStyle, mark: ReviewMark | None) -> Row:
        """Made once for the same content: summing up many slices takes long."""
        made = self._made.get(ranked.segment_id)
        if (
            made is None
            or made[0][0].result is not ranked.result
            or made[0][0].stale != ranked.stale
            or made[0][1] != mark
        ):
            made = self._made[ranked.segment_id] = ((ranked, mark), _segment_row(ranked, style, mark))
        return made[1]


def _segment_row(ranked: RankedSegment, style: ScoreStyle, mark: ReviewMark | None) -> Row:
    result, tip = ranked.result, _tip(ranked)
    name, dice = result.segment, result.predicted_dice or 0.0
    cells = (
        _("{segment} (edited)").format(segment=name) if ranked.stale else name,
        "" if result.verdict is None else verdict_word(result.verdict),
        number(dice),
        interval(result.interval_low, result.interval_high),
        "" if result.verdict is None else _("{volume} ml").format(volume=volume_text(result.wrong_ml)),
        "" if result.lowest is None else number(result.lowest),
        f"{result.n_below}/{result.n_slices}" if result.is_scored else "",
        "" if mark is None else mark_word(mark.mark),
    )
    reasons = "\n".join(result.reasons) or tip
    note = tip if mark is None or not mark.note else mark.note
    tips = (tip, reasons, tip, tip, tip, tip, tip, note)
    return Row(ranked.segment_id, cells, tips, (SCORE, dice, style.colour(dice)), ranked.stale)


def _tip(ranked: RankedSegment) -> str:
    result = ranked.result
    if not result.is_scored:
        return _("{segment}, searched for as {organ}; the mask is empty.").format(
            segment=result.segment, organ=result.structure
        )
    tip = _("{segment}, scored as {organ}: mean {mean} over {count} slices, worst in slice {slice}.").format(
        segment=result.segment,
        organ=result.structure,
        mean=number(result.mean or 0.0),
        count=result.n_slices,
        slice=result.lowest_slice,
    )
    between = interval(result.interval_low, result.interval_high)
    if between:
        tip += " " + _("90% interval of the whole segment: {interval}.").format(interval=between)
    if ranked.stale:
        tip += " " + _("It was edited after that: score the changed slices again.")
    return tip


SLICE_SCORE, SLICE_INTERVAL, SLICE_REVIEW = 2, 3, 5  # columns


class SliceTable:
    """`on_select` is called with the index of the slice that the user chose."""

    def __init__(self, table: Widget, on_select: Callable[[int], None], later: Later) -> None:
        titles = (_("Slice"), _("Quality"), _("Dice"), _("90% interval"), _("Area"), _("Mark"))
        self._table = RowTable(table, titles, lambda key: on_select(int(key)), later)

    @property
    def selected(self) -> int | None:
        """Index of the chosen slice."""
        key = self._table.selected
        return None if key is None else int(key)

    def show(
        self,
        rows: Sequence[SliceResult],
        style: ScoreStyle,
        stale: Collection[int],
        mark_of: Callable[[int], ReviewMark | None],
        missing: Sequence[SliceResult] = (),
    ) -> None:
        """Show these slices in their order, first those without mask in which the organ is `missing`; `stale`
        ones were edited since."""
        shown = [_missing_row(one, style, mark_of(one.slice)) for one in missing]
        shown += [_slice_row(row, style, row.slice in stale, mark_of(row.slice)) for row in rows]
        self._table.show(shown)
        self._table.show_column(SLICE_INTERVAL, any(row.interval_low is not None for row in rows))

    def select(self, index: int | None) -> None:
        """Choose a slice without telling `on_select`."""
        self._table.select(None if index is None else str(index))

    def reveal(self) -> None:
        """Scroll to the chosen slice."""
        self._table.reveal()


def _slice_row(row: SliceResult, style: ScoreStyle, is_stale: bool, mark: ReviewMark | None) -> Row:
    dice = row.predicted_dice or 0.0
    tip = _("Slice {slice}, at {z} mm, predicted Dice {score}, about {area} wrong.").format(
        slice=row.slice, z=f"{row.z:.1f}", score=number(dice), area=_area(row.wrong_mm2)
    )
    cells = (
        _("{slice} (edited)").format(slice=row.slice) if is_stale else str(row.slice),
        bin_word(style.key(dice)),
        number(dice),
        interval(row.interval_low, row.interval_high),
        _area(row.area_mm2),
        "" if mark is None else mark_word(mark.mark),
    )
    return _with_note(str(row.slice), cells, tip, (SLICE_SCORE, dice, style.colour(dice)), is_stale, mark)


def _missing_row(one: SliceResult, style: ScoreStyle, mark: ReviewMark | None) -> Row:
    area = _area(one.organ_mm2 or 0.0)
    tip = _("Slice {slice}, at {z} mm: no mask here, but about {area} of the organ.").format(
        slice=one.slice, z=f"{one.z:.1f}", area=area
    )
    review = "" if mark is None else mark_word(mark.mark)
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
