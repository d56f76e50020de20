"""The masks of a worklist in a table: a window of them, so that twenty thousand are as quick as twenty."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from segae.batch.worklist import Choice, Done, WorkItem, Worklist
from segae.results.columns import volume_text
from segae.results.reviews import Decision
from SegAELib.app.binding import Widget, _
from SegAELib.app.messages import verdict_word
from SegAELib.app.score_style import ScoreStyle, interval, number
from SegAELib.app.table_widgets import EMPTY, Later, Row, RowTable

WINDOW = 300  # rows
AHEAD = 20  # rows above the chosen one, where the window has to move
STATE, DICE, INTERVAL = 2, 3, 6  # columns


def state_words(done: Done | None) -> str:
    """What was decided, by whom; "" for nothing."""
    words: dict[Decision, str] = {
        "accept": _("accepted"), "corrected": _("corrected"), "needs work": _("needs work"),
        "skip": _("skipped"),
    }  # fmt: skip
    return "" if done is None else f"{words[done.decision]}, {done.reviewer}"


class WorklistTable:
    """`on_select` is called with the mask that the user chose."""

    def __init__(self, table: Widget, on_select: Callable[[WorkItem], None], later: Later) -> None:
        titles = (
            _("Case"), _("Segment"), _("State"), _("Dice"), _("Verdict"), _("Wrong"), _("90% interval"),
        )  # fmt: skip
        self._on_select = on_select
        self._table = RowTable(table, titles, self._selected, later)
        self._items: dict[str, WorkItem] = {}
        self._matching: tuple[object, list[WorkItem]] = ((), [])
        self._start = 0
        self._shown: tuple[object, ...] = ()

    def show(
        self, worklist: Worklist, choice: Choice, text: str, chosen: WorkItem | None, style: ScoreStyle
    ) -> str:
        """Show the masks of a choice, those round the chosen one, or round the first that is to be done;
        returns what to say about the rows that are not shown."""
        what = (id(worklist), worklist.revision, choice, text)
        if self._matching[0] != what:
            self._matching = (what, worklist.matching(choice, text))
        items = self._matching[1]
        place = _place(items, chosen or worklist.next_open(), worklist)
        if place is not None and not self._start <= place < self._start + WINDOW:
            self._start = max(0, place - AHEAD)
        self._start = max(0, min(self._start, len(items) - WINDOW))
        window = items[self._start : self._start + WINDOW]
        if self._shown != (what, self._start, style):
            self._shown = (what, self._start, style)
            self._items = {str(worklist.place(item)): item for item in window}
            rows = [_row(key, item, worklist.done(item), style) for key, item in self._items.items()]
            self._table.show(rows)
            self._table.show_column(INTERVAL, any(item.interval_low is not None for item in window))
            self._table.show_column(STATE, any(worklist.done(item) is not None for item in window))
        self._table.select(None if chosen is None else str(worklist.place(chosen)))
        if not items:
            return _("No mask of that kind.")
        if len(items) <= WINDOW:
            return ""
        return _("Rows {first} to {last} of {count}; words above narrow them down.").format(
            first=self._start + 1, last=self._start + len(window), count=len(items)
        )

    def _selected(self, key: str) -> None:
        if key in self._items:
            self._on_select(self._items[key])


def _place(items: Sequence[WorkItem], one: WorkItem | None, worklist: Worklist) -> int | None:
    """Where a mask stands among those of the choice; where it would stand, when it is not among them."""
    place = None if one is None else worklist.place(one)
    if place is None:
        return None
    low, high = 0, len(items)  # both lists have the same order
    while low < high:
        middle = (low + high) // 2
        if (worklist.place(items[middle]) or 0) < place:
            low = middle + 1
        else:
            high = middle
    return min(low, len(items) - 1) if items else None


def _row(key: str, item: WorkItem, done: Done | None, style: ScoreStyle) -> Row:
    dice = item.predicted_dice
    state = state_words(done)
    cells = (
        item.case, item.segment, state, "" if dice is None else number(dice), verdict_word(item.verdict),
        _("{volume} ml").format(volume=volume_text(item.wrong_ml)),
        interval(item.interval_low, item.interval_high),
    )  # fmt: skip
    tip = _("{segment} of {case}").format(segment=item.segment, case=item.case)
    if done is not None:
        tip += f": {state}, {done.time[:16].replace('T', ' ')} UTC"
    bar = (DICE, dice or 0.0, EMPTY if dice is None else style.colour(dice))
    return Row(key, cells, (tip,) * len(cells), bar, done is not None)
