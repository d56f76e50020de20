"""The main numbers of an evaluation as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from SegAELib.app.binding import Widget, _
from SegAELib.app.table_items import prepare, text_item
from SegAETrainerLib.runs.figures import MAIN, Figure, MethodFigures

METHOD = 1  # the column that takes the room that is left


class FiguresTable:
    """One row for each suite and method."""

    def __init__(self, table: Widget) -> None:
        self._table = table
        titles = [_("Masks"), _("Method"), _("LCC"), _("MAE"), _("AUROC < 0.7")]
        prepare(table, titles, METHOD)

    def show(self, rows: Sequence[MethodFigures]) -> None:
        table = self._table
        table.setVisible(bool(rows))
        table.setRowCount(len(rows))
        for n, row in enumerate(rows):
            masks = _("{count} masks in single slices").format(count=row.masks)
            table.setItem(n, 0, text_item(row.suite, masks))
            table.setItem(n, METHOD, text_item(row.method, row.method))
            for column, name in enumerate(MAIN, start=METHOD + 1):
                table.setItem(n, column, text_item(*_cell(row.figures[name])))
        for column in range(table.columnCount):
            if column != METHOD:
                table.resizeColumnToContents(column)


def _cell(figure: Figure) -> tuple[str, str]:
    """The value, and its interval as a tool tip."""
    if not math.isfinite(figure.value):
        return "-", _("Not defined for these masks.")
    value = f"{figure.value:.3f}"
    if not math.isfinite(figure.low):
        return value, _("No interval: too few patients.")
    return value, _("95 % interval over patients: {low} to {high}").format(
        low=f"{figure.low:.3f}", high=f"{figure.high:.3f}"
    )
