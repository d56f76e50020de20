"""The slices of the chosen segment, worst first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from segae.report import SliceScore
from SegAELib.app.binding import Widget, _
from SegAELib.app.row_table import Row, RowTable
from SegAELib.app.score_style import ScoreStyle, number
from SegAELib.app.words import bin_word, verdict_word
from SegAELib.mrml.review_table import ReviewMark

SCORE, REVIEW = 1, 3  # columns


class SliceTable:
    """`on_select` is called with the index of the slice that the user chose."""

    def __init__(self, table: Widget, on_select: Callable[[int], None]) -> None:
        titles = (_("Slice"), _("Predicted Dice"), _("Area"), _("Review"))
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
    ) -> None:
        """Show these slices, the worst on top; `stale` ones were edited since."""
        ordered = sorted(rows, key=lambda row: row.score)
        self._table.show([_row(row, style, row.slice in stale, mark_of(row.slice)) for row in ordered])

    def select(self, index: int | None) -> None:
        """Choose a slice without telling `on_select`."""
        self._table.select(None if index is None else str(index))


def _row(row: SliceScore, style: ScoreStyle, is_stale: bool, mark: ReviewMark | None) -> Row:
    tip = _("Slice {slice}, at {z} mm, predicted Dice {score}.").format(
        slice=row.slice, z=f"{row.z:.1f}", score=number(row.score)
    )
    cells = (
        _("{slice} (edited)").format(slice=row.slice) if is_stale else str(row.slice),
        f"{number(row.score)} {bin_word(style.key(row.score))}",
        _("{area} cm\u00b2").format(area=f"{row.area_mm2 / 100:.1f}"),
        "" if mark is None else verdict_word(mark.verdict),
    )
    tips = (tip, tip, tip, tip if mark is None or not mark.note else mark.note)
    return Row(str(row.slice), cells, tips, (SCORE, row.score, style.colour(row.score)), is_stale)
