"""The slices of the chosen segment: where it is missing, then worst first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from segae.report import SearchedSlice, SliceScore
from SegAELib.app.binding import Widget, _
from SegAELib.app.row_table import Row, RowTable
from SegAELib.app.score_style import ScoreStyle, interval, number
from SegAELib.app.words import bin_word, verdict_word
from SegAELib.mrml.review_table import ReviewMark

SCORE, INTERVAL, REVIEW = 2, 3, 5  # columns


class SliceTable:
    """`on_select` is called with the index of the slice that the user chose."""

    def __init__(self, table: Widget, on_select: Callable[[int], None]) -> None:
        titles = (_("Slice"), _("Verdict"), _("Dice"), _("90 %"), _("Area"), _("Review"))
        self._table = RowTable(table, titles, REVIEW, lambda key: on_select(int(key)))

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
        shown += [_row(row, style, row.slice in stale, mark_of(row.slice)) for row in ordered]
        self._table.show(shown)
        self._table.show_column(INTERVAL, any(row.interval_low is not None for row in ordered))

    def select(self, index: int | None) -> None:
        """Choose a slice without telling `on_select`."""
        self._table.select(None if index is None else str(index))


def _row(row: SliceScore, style: ScoreStyle, is_stale: bool, mark: ReviewMark | None) -> Row:
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
    return _with_note(str(row.slice), cells, tip, (SCORE, row.score, style.colour(row.score)), is_stale, mark)


def _missing_row(one: SearchedSlice, style: ScoreStyle, mark: ReviewMark | None) -> Row:
    area = _area(one.organ_mm2)
    tip = _("Slice {slice}, at {z} mm: no mask here, but about {area} of the organ.").format(
        slice=one.slice, z=f"{one.z:.1f}", area=area
    )
    review = "" if mark is None else verdict_word(mark.verdict)
    cells = (str(one.slice), _("missing"), number(0.0), "", area, review)
    return _with_note(str(one.slice), cells, tip, (SCORE, 0.0, style.colour(0.0)), False, mark)


def _with_note(
    key: str, cells: tuple[str, ...], tip: str, bar: tuple[int, float, str], is_stale: bool,
    mark: ReviewMark | None,
) -> Row:  # fmt: skip
    note = tip if mark is None or not mark.note else mark.note
    return Row(key, cells, (*([tip] * (len(cells) - 1)), note), bar, is_stale)


def _area(square_mm: float) -> str:
    return _("{area} cm\u00b2").format(area=f"{square_mm / 100:.1f}")
