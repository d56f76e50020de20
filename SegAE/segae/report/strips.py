"""A picture with one strip per structure: predicted Dice along the body axis."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segae.errors import InputError
from segae.report.style import (
    FAINT,
    INK,
    Palette,
    add_legend,
    add_title,
    colour,
    inches,
    new_figure,
    one_line,
    organ_name,
    save,
    shorten,
)
from segae.results.columns import dice_text
from segae.results.review_order import Order, ordered_segments
from segae.results.types import CaseReport, SegmentResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, NAMES, VALUES = 11.0, 3.1, 2.3  # inches: the picture, its left and its right margin
STRIP, HEAD, FOOT, LINE = 0.27, 1.95, 0.65, 0.19
FILL = 0.86  # share of a strip's height that a predicted Dice of 1 takes


def draw_strips(
    report: CaseReport, path: str | Path, palette: Palette = "traffic", order: Order = "review"
) -> Path:
    """Write a PNG with the predicted Dice of every segment along z, in `order`; returns its path.

    Raises `InputError` when nothing was scored and `OutputError` when the file cannot be written.
    """
    return save(strips_figure(report, palette, order), path, dpi=120)


def strips_figure(report: CaseReport, palette: Palette = "traffic", order: Order = "review") -> Figure:
    """The strips as a matplotlib figure; raises `InputError` when nothing was scored."""
    segments = ordered_segments(report.scored, order)
    if not segments:
        raise InputError(f"No slice of {report.case} was scored; check its masks before drawing.")
    unscored = _unscored_note(report)
    body = STRIP * len(segments)
    figure = new_figure(WIDTH, HEAD + body + FOOT + LINE * len(unscored))
    add_title(figure, "Predicted Dice along the body", report)
    add_legend(figure, palette, 1.15)
    axes = figure.add_axes((
        NAMES / WIDTH, inches(figure, 0, HEAD + body)[1],
        (WIDTH - NAMES - VALUES) / WIDTH, body / figure.get_size_inches()[1],
    ))  # fmt: skip
    _draw_bars(axes, segments, palette)
    _label(axes, segments, report.slice_axis)
    _scales(axes, report)
    x, y = inches(figure, 0.3, HEAD + body + FOOT)
    note = "\n".join(unscored)
    figure.text(x, y, note, size=9.5, color=FAINT, va="top", linespacing=1.35, parse_math=False)
    return figure


def _draw_bars(axes: Axes, segments: Sequence[SegmentResult], palette: Palette) -> None:
    """One bar per slice, as high as its predicted Dice; bar n of segment m stands on the line y = m + 1."""
    from matplotlib.collections import PolyCollection

    slices = [one for segment in segments for one in segment.slices]
    dice = np.array([one.predicted_dice or 0.0 for one in slices])
    indices = np.array([one.slice for one in slices], float)
    base = np.repeat(np.arange(1, len(segments) + 1), [one.n_slices for one in segments]) - (1 - FILL) / 2
    height = np.maximum(dice, 0.04) * FILL
    first, last = indices.min() - 0.5, indices.max() + 0.5
    half = max(1.0, (last - first) / 400) / 2  # a slice among thousands is still a line that can be seen
    left, right, top = indices - half, indices + half, base - height
    corners = np.stack([[left, base], [left, top], [right, top], [right, base]]).transpose(2, 0, 1)
    colours = [colour(value, palette) for value in dice]
    for m in range(1, len(segments), 2):
        axes.axhspan(m, m + 1, color="#f3f3f3", zorder=0)
    cells = np.stack([[left, base], [left, base - FILL], [right, base - FILL], [right, base]])
    style = {"facecolors": colours, "edgecolors": "none", "antialiased": False}
    # The pale cell behind a bar makes a slice with a score of 0 as visible as any other.
    axes.add_collection(PolyCollection(list(cells.transpose(2, 0, 1)), alpha=0.28, **style))
    axes.add_collection(PolyCollection(list(corners), **style))
    pad = (last - first) * 0.01
    axes.set(xlim=(first - pad, last + pad), ylim=(len(segments), 0))


def _label(axes: Axes, segments: Sequence[SegmentResult], slice_axis: str) -> None:
    """Names on the left; on the right the Dice, the worst slice and where it is."""
    names = [shorten(organ_name(s.segment, s.structure), 38) for s in segments]
    axes.set_yticks(np.arange(len(segments)) + 0.5)
    axes.set_yticklabels(names, size=9.5, color=INK, parse_math=False)
    axes.tick_params(axis="y", length=0, pad=8)
    across = axes.get_yaxis_transform()
    columns = [
        (1.10, "Dice", [dice_text(s.predicted_dice or 0.0) for s in segments]),
        (1.23, "worst", [dice_text(s.lowest or 0.0) for s in segments]),
        (1.38, f"at {slice_axis} =", [str(s.lowest_slice) for s in segments]),
    ]
    for x, heading, cells in columns:
        axes.text(x, -0.35, heading, transform=across, size=9.5, color=FAINT, ha="right", va="bottom")
        for m, cell in enumerate(cells):
            axes.text(x, m + 0.5, cell, transform=across, size=9.5, color=INK, ha="right", va="center")


def _scales(axes: Axes, report: CaseReport) -> None:
    """Below the file's slice index, above it millimetres along the patient's z axis."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(axis="x", labelsize=9.5, colors=INK)
    axes.set_xlabel(f"slice index in the file (axis {report.slice_axis})", size=9.5, color=INK)
    for side in ("left", "right"):
        axes.spines[side].set_visible(False)
    indices = np.array([row.slice.slice for row in report.rows()], float)
    if np.ptp(indices) == 0:
        return
    slope, start = np.polyfit(indices, [row.slice.z for row in report.rows()], 1)
    if slope == 0:
        return
    upper = axes.secondary_xaxis(
        "top", functions=(lambda index: start + slope * index, lambda z: (z - start) / slope)
    )
    upper.tick_params(labelsize=9.5, colors=INK)
    ends = ("inferior", "superior") if slope > 0 else ("superior", "inferior")
    upper.set_xlabel(f"{ends[0]}  ←    z in mm    →  {ends[1]}", size=9.5, color=INK)


def _unscored_note(report: CaseReport) -> list[str]:
    """Lines that name the segments without a score, so that none disappears."""
    names = [one_line(segment.segment) for segment in report.unscored]
    if not names:
        return []
    return textwrap.wrap(f"Without a scored slice ({len(names)}): {', '.join(names)}", 130)
