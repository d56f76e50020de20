"""The verdicts of one report as a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segae.report.style import Palette, colour, one_line, organ_name, shorten
from segae.results.types import POOR, QualityReport, predicted_dice
from segae.results.verdicts import OrganVerdict, Verdict, judge, worst_verdicts_first

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

BAR = 10  # characters
EIGHTHS = " ▏▎▍▌▋▊▉"
MOST_NAMES = 8
NAME, LONGEST_NAME = 20, 40  # characters
PADDING = 2  # characters between two columns
STYLES: dict[Verdict, str] = {
    "fine": "dim", "absent": "dim", "poor": "bold", "missing parts": "bold", "empty but present": "bold",
    "not reliable here": "italic",
}  # fmt: skip


@dataclass(frozen=True)
class _Column:
    """`cell` gives what stands there for a mask; `width` is what it takes at most, in characters."""

    heading: str
    width: int
    cell: Callable[[OrganVerdict], str | Text]
    is_number: bool = True


def ranking_view(
    report: QualityReport,
    limit: int | None = None,
    threshold: float = POOR,
    palette: Palette = "traffic",
    width: int = 80,
) -> Table:
    """A rich table of the masks, what needs a human first; at most `limit` of them (None: all).

    Fits `width` (80 at least): bars, shares and counts appear where there is room, interval and missing
    slices where the model has them. A long name and what it was taken for then stand below each other. The
    caption counts what is not listed: masks beyond the limit and those without a score.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    ranked = [one for one in worst_verdicts_first(judge(report, threshold)) if one.is_ranked]
    shown = ranked if limit is None else ranked[:limit]
    names = [organ_name(one.segment, one.structure) for one in shown]
    longest = min(max(map(len, names), default=0), LONGEST_NAME)
    free = width - 1  # the last column is padded too
    columns = _columns(report, ranked, threshold, palette, free - max(longest, NAME))
    room = min(free - _taken(columns), LONGEST_NAME)
    table = Table(
        title=Text(f"{one_line(report.case)}: predicted Dice, worst first"),
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
    report: QualityReport, ranked: Sequence[OrganVerdict], threshold: float, palette: Palette, room: int
) -> list[_Column]:
    """The columns beside the name: those that are always there, then as many others as `room` allows."""
    from rich.text import Text

    with_volume = any(one.volume_dice is not None for one in ranked)
    verdict = max((len(one.verdict) for one in ranked), default=0)
    dice = _Column("Dice" if with_volume else "mean", 4, lambda one: _number(one.score, palette))
    bar = _Column("", BAR, lambda one: _bar(one.dice, palette), is_number=False)
    columns = [
        _Column("verdict", max(7, verdict), lambda one: Text(one.verdict, STYLES[one.verdict]), False),
        dice,
        *([_Column("90 %", 9, _interval)] if any(one.interval_low is not None for one in ranked) else []),
        _Column("worst", 5, lambda one: "" if one.scores.is_empty else _number(one.scores.worst, palette)),
        _Column(f"at {report.slice_axis}", 4, lambda one: _text(one.scores.worst_slice)),
        *([_Column("missed", 6, _n_missing)] if report.searched else []),
    ]
    below = f"below {threshold:g}"
    for more, place in (
        (_Column(below, len(below), lambda one: f"{one.scores.poor_share:.0%}"), len(columns)),
        (bar, columns.index(dice) + 1),
        (_Column("slices", 6, lambda one: str(one.scores.n_slices)), len(columns) + 2),
    ):
        if _taken([*columns, more]) <= room:
            columns.insert(place, more)
    return columns


def _taken(columns: Sequence[_Column]) -> int:
    return sum(column.width + PADDING for column in columns)


def _name(one: OrganVerdict, room: int) -> Text:
    """The segment's name, and what it was taken for, beside it or below."""
    from rich.text import Text

    whole = organ_name(one.segment, one.structure)
    if len(whole) <= room or "(" not in whole:
        return Text(shorten(whole, room))
    lines = (one_line(one.segment), f"({one.structure})")
    return Text("\n").join(Text(shorten(line, room)) for line in lines)


def _number(score: float, palette: Palette) -> Text:
    from rich.text import Text

    return Text(f"{predicted_dice(score):.2f}", style=colour(score, palette))


def _bar(dice: float, palette: Palette) -> Text:
    from rich.text import Text

    full, eighth = divmod(round(dice * BAR * 8), 8)
    return Text(("█" * full + EIGHTHS[eighth].strip()).ljust(BAR), colour(dice, palette))


def _interval(one: OrganVerdict) -> str:
    if one.interval_low is None or one.interval_high is None:
        return ""
    return f"{one.interval_low:.2f}-{one.interval_high:.2f}"


def _n_missing(one: OrganVerdict) -> str:
    """How many of the searched slices."""
    return str(len(one.missing_slices)) if one.missing_slices else ""


def _text(value: int | None) -> str:
    return "" if value is None else str(value)


def _caption(report: QualityReport, ranked: Sequence[OrganVerdict], n_shown: int) -> str:
    listed = {one.segment for one in ranked}
    unscored = [one_line(one.segment) for one in report.unscored() if one.segment not in listed]
    hidden = ranked[n_shown:]
    parts = [f"model {one_line(report.model.label)}"]
    if hidden:
        waiting = sum(one.needs_human for one in hidden)
        also = f", {waiting} of them to be looked at" if waiting else ""
        parts.append(f"{_count(len(hidden), 'better structure')} not shown{also}")
    if unscored:
        more = f" and {len(unscored) - MOST_NAMES} more" if len(unscored) > MOST_NAMES else ""
        names = ", ".join(unscored[:MOST_NAMES])
        parts.append(f"{_count(len(unscored), 'mask')} without a scored slice: {names}{more}")
    return "\n".join(parts)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
