"""The ranking of one report as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segae.draw.palette import Palette, colour
from segae.draw.wording import one_line, organ_name
from segae.report.ranking import worst_first
from segae.report.report import POOR, QualityReport
from segae.report.rows import predicted_dice

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

BAR = 10  # characters
EIGHTHS = " ▏▎▍▌▋▊▉"
MOST_NAMES = 8


def ranking_view(
    report: QualityReport, limit: int | None = None, threshold: float = POOR, palette: Palette = "traffic"
) -> Table:
    """A rich table of the structures, worst mean first; at most `limit` of them (None: all).

    Fits 80 columns. The caption counts what is not listed: structures beyond the limit and masks without a
    score.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    ranked = worst_first(report, threshold)
    shown = ranked if limit is None else ranked[:limit]
    table = Table(
        title=Text(f"{one_line(report.case)}: predicted Dice, worst first"),
        caption=Text(_caption(report, len(ranked) - len(shown))),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        caption_style="dim",
    )
    table.add_column("structure", min_width=14)
    table.add_column("mean", justify="left", no_wrap=True, min_width=BAR + 5)
    for heading in ("worst", f"at {report.slice_axis}", f"below {threshold:g}", "slices"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=len(heading))
    for row in shown:
        table.add_row(
            Text(organ_name(row.segment, row.structure), no_wrap=True, overflow="ellipsis"),
            _bar(row.predicted_dice, palette),
            Text(f"{predicted_dice(row.worst):.2f}", style=colour(row.worst, palette)),
            str(row.worst_slice),
            f"{row.poor_share:.0%}",
            str(row.n_slices),
        )
    return table


def _bar(dice: float, palette: Palette) -> Text:
    from rich.text import Text

    full, eighth = divmod(round(dice * BAR * 8), 8)
    blocks = ("█" * full + EIGHTHS[eighth].strip()).ljust(BAR)
    return Text.assemble(f"{dice:.2f} ", (blocks, colour(dice, palette)))


def _caption(report: QualityReport, n_hidden: int) -> str:
    unscored = [one_line(segment.segment) for segment in report.unscored()]
    parts = [f"model {one_line(report.model.label)}"]
    if n_hidden:
        parts.append(f"{_count(n_hidden, 'better structure')} not shown")
    if unscored:
        more = f" and {len(unscored) - MOST_NAMES} more" if len(unscored) > MOST_NAMES else ""
        names = ", ".join(unscored[:MOST_NAMES])
        parts.append(f"{_count(len(unscored), 'mask')} without a scored slice: {names}{more}")
    return "\n".join(parts)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
