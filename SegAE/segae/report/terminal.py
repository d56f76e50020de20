"""The segments of one report as a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segae.report.style import Palette, colour, one_line, organ_name, shorten
from segae.results.columns import dice_text, share_text, volume_text
from segae.results.review_order import Order, ordered_segments
from segae.results.types import CaseReport, SegmentResult, Verdict

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

BAR = 10  # characters
EIGHTHS = " ▏▎▍▌▋▊▉"
MOST_NAMES = 8
TITLES: dict[Order, str] = {"review": "largest expected error first", "dice": "lowest predicted Dice first"}
NAME, LONGEST_NAME = 20, 40  # characters
PADDING = 2  # characters between two columns
STYLES: dict[Verdict | None, str] = {
    "fine": "dim", "absent": "dim", "poor": "bold", "missing parts": "bold", "empty but present": "bold",
    "not reliable here": "italic",
}  # fmt: skip


@dataclass(frozen=True)
class _Column:
    """`cell` gives what stands there for a mask; `width` is what it takes at most, in characters."""

    heading: str
    width: int
    cell: Callable[[SegmentResult], str | Text]
    is_number: bool = True


def ranking_view(
    report: CaseReport,
    limit: int | None = None,
    palette: Palette = "traffic",
    width: int = 80,
    order: Order = "review",
) -> Table:
    """A rich table of the segments in `order`; at most `limit` of them (None: all).

    Fits `width` (80 at least): bars, shares and counts appear where there is room, interval and missing
    slices where the model has them. A long name and what it was taken for then stand below each other. The
    caption counts what is not listed: segments beyond the limit and those without a score.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    ranked = [one for one in ordered_segments(report.segments, order) if one.is_listed]
    shown = ranked if limit is None else ranked[:limit]
    names = [organ_name(one.segment, one.structure) for one in shown]
    longest = min(max(map(len, names), default=0), LONGEST_NAME)
    free = width - 1  # the last column is padded too
    columns = _columns(report, ranked, palette, free - max(longest, NAME))
    room = min(free - _taken(columns), LONGEST_NAME)
    table = Table(
        title=Text(f"{one_line(report.case)}: to review, then the rest; {TITLES[order]}"),
        caption=Text(_caption(report, ranked, len(shown))),
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),  # and one character that the box puts between columns
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        caption_style="dim",
    )
    table.add_column("structure", no_wrap=True)
    for column in columns:
        table.add_column(column.heading, justify="right" if column.is_number else "left", no_wrap=True)
    for one in shown:
        table.add_row(_name(one, room), *(column.cell(one) for column in columns))
    return table


def _columns(
    report: CaseReport, ranked: Sequence[SegmentResult], palette: Palette, room: int
) -> list[_Column]:
    """The columns beside the name: those that are always there, then as many others as `room` allows."""
    from rich.text import Text

    with_volume = any(one.has_areas for one in ranked)
    verdict = max((len(one.verdict or "") for one in ranked), default=0)
    dice = _Column("Dice" if with_volume else "mean", 4, lambda one: _number(one.predicted_dice, palette))
    bar = _Column("", BAR, lambda one: _bar(one.predicted_dice or 0.0, palette), is_number=False)
    columns = [
        _Column("verdict", max(7, verdict), lambda one: Text(one.verdict or "", STYLES[one.verdict]), False),
        dice,
        *([_Column("90%", 9, _interval)] if any(one.interval_low is not None for one in ranked) else []),
        _Column("wrong", 8, lambda one: f"{volume_text(one.wrong_ml)} ml"),
        _Column(f"at {report.slice_axis}", 4, lambda one: _text(one.lowest_slice)),
        *([_Column("missed", 6, _n_missing)] if any(one.searched for one in report.segments) else []),
    ]
    below = f"below {report.threshold:g}"
    last = columns[-1]
    for more, before in (
        (_Column("worst", 5, lambda one: _number(one.lowest, palette)), dice),
        (_Column(below, len(below), lambda one: share_text(one.below_threshold or 0.0)), last),
        (bar, dice),
        (_Column("slices", 6, lambda one: str(one.n_slices)), last),
    ):
        if _taken([*columns, more]) <= room:
            columns.insert(columns.index(before) + 1, more)
    return columns


def _taken(columns: Sequence[_Column]) -> int:
    return sum(column.width + PADDING for column in columns)


def _name(one: SegmentResult, room: int) -> Text:
    """The segment's name, and what it was taken for, beside it or below."""
    from rich.text import Text

    whole = organ_name(one.segment, one.structure)
    if len(whole) <= room or "(" not in whole:
        return Text(shorten(whole, room))
    lines = (one_line(one.segment), f"({one.structure})")
    return Text("\n").join(Text(shorten(line, room)) for line in lines)


def _number(dice: float | None, palette: Palette) -> Text:
    from rich.text import Text

    return Text("") if dice is None else Text(dice_text(dice), style=colour(dice, palette))


def _bar(dice: float, palette: Palette) -> Text:
    from rich.text import Text

    full, eighth = divmod(round(dice * BAR * 8), 8)
    return Text(("█" * full + EIGHTHS[eighth].strip()).ljust(BAR), colour(dice, palette))


def _interval(one: SegmentResult) -> str:
    if one.interval_low is None or one.interval_high is None:
        return ""
    return f"{dice_text(one.interval_low)}-{dice_text(one.interval_high)}"


def _n_missing(one: SegmentResult) -> str:
    """How many of the searched slices."""
    return str(len(one.missing_slices)) if one.missing_slices else ""


def _text(value: int | None) -> str:
    return "" if value is None else str(value)


def _caption(report: CaseReport, ranked: Sequence[SegmentResult], n_shown: int) -> str:
    unscored = [one_line(one.segment) for one in report.unscored if not one.is_listed]
    hidden = ranked[n_shown:]
    parts = [f"model {one_line(report.model.name)}"]
    if hidden:
        waiting = sum(one.needs_review for one in hidden)
        also = f", {waiting} of them to be looked at" if waiting else ""
        parts.append(f"{counted(len(hidden), 'more structure')} not shown{also}")
    if unscored:
        more = f" and {len(unscored) - MOST_NAMES} more" if len(unscored) > MOST_NAMES else ""
        names = ", ".join(unscored[:MOST_NAMES])
        parts.append(f"{counted(len(unscored), 'mask')} without a scored slice: {names}{more}")
    return "\n".join(parts)


def counted(n: int, noun: str) -> str:
    """A number of things in words."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
