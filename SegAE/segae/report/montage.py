"""A picture of the slices to look at first, and of the best ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segae.data import Segment, Segmentation, Volume
from segae.errors import InputError
from segae.report.cutout import cutout
from segae.report.slice_picture import Errors, draw_slice
from segae.report.style import (
    FAINT,
    INK,
    Palette,
    add_error_legend,
    add_legend,
    add_title,
    colour,
    inches,
    new_figure,
    organ_name,
    save,
    shorten,
)
from segae.results.review_order import Order, ordered_slices
from segae.results.types import CaseReport, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def extremes(
    report: CaseReport, n: int, order: Order = "review", per_segment: int = 2
) -> tuple[list[Row], list[Row]]:
    """The `n` slices to look at first in `order`, and the `n` with the highest predicted Dice, best first; no
    slice is in both.

    At most `per_segment` of one segment are taken as long as others are left, so that one bad organ does
    not fill the picture. With fewer than 2n slices both halves get shorter, the first keeping the odd one.
    """
    ordered = list(ordered_slices(report, order))
    n_first = min(n, (len(ordered) + 1) // 2)
    n_best = min(n, len(ordered) - n_first)
    first = _varied(ordered, n_first, per_segment)
    shown = {id(row.slice) for row in first}
    rest = [row for row in reversed(ordered_slices(report, "dice")) if id(row.slice) not in shown]
    return first, _varied(rest, n_best, per_segment)


def _varied(rows: Iterable[Row], n: int, per_segment: int) -> list[Row]:
    """The first `n` rows that keep to `per_segment`, filled up with those passed over, in order."""
    seen: Counter[int] = Counter()
    kept, passed_over = [], []
    for place, row in enumerate(rows):
        if len(kept) == n:
            break
        segment = id(row.segment)
        chosen = kept if seen[segment] < per_segment else passed_over
        seen[segment] += 1
        chosen.append((place, row))
    filled = kept + passed_over[: n - len(kept)]
    return [row for _, row in sorted(filled, key=lambda item: item[0])]


COLUMNS = 4
HEADINGS: dict[Order, str] = {"review": "To look at first", "dice": "Lowest predicted Dice"}
REVIEW_NOTE = (
    "much expected error on a large area before little on a small one; the frame shows the predicted Dice"
)
PANEL, CAPTION, GAP = 2.9, 0.50, 0.16  # inches
HEAD, HEADING, FOOT = 1.2, 0.42, 0.3
NOTE_AT = 1.75  # inches, right of the heading
LEGEND_ROW = 0.26


def draw_montage(
    volume: Volume, segmentation: Segmentation, report: CaseReport, path: str | Path, n: int = 8,
    palette: Palette = "traffic", errors: Mapping[str, Errors] | None = None, order: Order = "review",
) -> Path:  # fmt: skip
    """Write a PNG of the `n` slices of `report` to look at first and of the `n` best; returns its path.

    `segmentation` lies on the grid of `volume` and holds the segments of the report; `errors`: predicted
    errors by name of the segment, drawn where there are some. Raises `InputError` when a mask does not lie
    on that grid, or when nothing was scored, and `OutputError` when the file cannot be written.
    """
    return save(montage_figure(volume, segmentation, report, n, palette, errors, order), path, dpi=120)


def montage_figure(
    volume: Volume, segmentation: Segmentation, report: CaseReport, n: int = 8,
    palette: Palette = "traffic", errors: Mapping[str, Errors] | None = None, order: Order = "review",
) -> Figure:  # fmt: skip
    """The montage as a matplotlib figure; raises `InputError` like `draw_montage`."""
    first, best = extremes(report, n, order)
    if not first:
        raise InputError(f"No slice of {report.case} was scored; check its masks before drawing.")
    segments = {segment.name: segment for segment in segmentation.segments}
    groups = [(HEADINGS[order], first), ("Highest predicted Dice", best)]
    groups = [(heading, rows) for heading, rows in groups if rows]
    foot = FOOT + (LEGEND_ROW if errors else 0)
    height = HEAD + foot + sum(_group_height(rows) for _, rows in groups)
    figure = new_figure(3 * GAP + COLUMNS * (PANEL + GAP), height)
    add_title(figure, "Organ masks", report, left=2 * GAP)
    top = HEAD
    for heading, rows in groups:
        where = inches(figure, 2 * GAP, top + HEADING / 2)
        figure.text(*where, heading, size=13, weight="bold", color=INK, va="center")
        if heading == HEADINGS["review"]:
            x, y = inches(figure, 2 * GAP + NOTE_AT, top + HEADING / 2)
            figure.text(x, y, REVIEW_NOTE, size=10, color=FAINT, va="center")
        for place, row in enumerate(rows):
            corner, wrong = _corner(place, top + HEADING), (errors or {}).get(row.segment.segment)
            _panel(figure, corner, volume, segments, row, palette, wrong)
        top += _group_height(rows)
    add_legend(figure, palette, top, left=2 * GAP)
    if errors:
        add_error_legend(figure, top + LEGEND_ROW, left=2 * GAP)
    note = "radiological display: the patient's right is on the left"
    x, y = inches(figure, figure.get_size_inches()[0] - 2 * GAP, top + 0.07)
    figure.text(x, y, note, size=10, color=FAINT, va="center", ha="right")
    return figure


def _panel(
    figure: Figure, corner: tuple[float, float], volume: Volume, segments: dict[str, Segment],
    row: Row, palette: Palette, errors: Errors | None,
) -> None:  # fmt: skip
    """One slice with its caption; `corner`: its upper left in inches from the figure's upper left."""
    report, segment, one = row
    if segment.segment not in segments:
        raise InputError(f"No mask {segment.segment} among those to draw; load the masks that were scored.")
    cut, dice = cutout(volume, segments[segment.segment], one.slice), one.predicted_dice or 0.0
    width, height = figure.get_size_inches()
    x, y = inches(figure, corner[0], corner[1] + PANEL)
    axes = figure.add_axes((x, y, PANEL / width, PANEL / height), facecolor="black")
    draw_slice(axes, cut, segment.structure, colour(dice, palette), errors, one.slice)
    name = shorten(organ_name(segment.segment, segment.structure), 36)
    x, y = inches(figure, corner[0], corner[1] + PANEL + 0.07)
    figure.text(x, y, name, size=10.5, weight="bold", color=INK, va="top", parse_math=False)
    x, y = inches(figure, corner[0], corner[1] + PANEL + 0.26)
    text = f"slice {report.slice_axis} = {one.slice},  predicted Dice {dice:.2f}"
    figure.text(x, y, text, size=10.5, color=INK, va="top")


def shown_slices(report: CaseReport, order: Order = "review", n: int = 8) -> dict[str, list[int]]:
    """The slices of each segment, by its name, that a montage of `report` shows."""
    shown: dict[str, list[int]] = {}
    for row in (one for group in extremes(report, n, order) for one in group):
        shown.setdefault(row.segment.segment, []).append(row.slice.slice)
    return shown


def _corner(place: int, top: float) -> tuple[float, float]:
    line, column = divmod(place, COLUMNS)
    return 2 * GAP + column * (PANEL + GAP), top + line * (PANEL + CAPTION + GAP)


def _group_height(rows: Sequence[Row]) -> float:
    return HEADING + math.ceil(len(rows) / COLUMNS) * (PANEL + CAPTION + GAP)
