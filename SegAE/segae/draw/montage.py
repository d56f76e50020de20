"""A picture of the slices with the lowest and the highest predicted Dice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segae.data import Segment, Segmentation, Volume
from segae.draw.cutout import Cutout, cutout
from segae.draw.figure import FAINT, INK, add_legend, add_title, inches, new_figure, save
from segae.draw.palette import Palette, colour
from segae.draw.selection import extremes
from segae.draw.windows import window
from segae.draw.wording import organ_name, shorten
from segae.errors import InputError
from segae.report.report import QualityReport
from segae.report.rows import SliceScore

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
PANEL, CAPTION, GAP = 2.9, 0.50, 0.16  # inches
HEAD, HEADING, FOOT = 1.2, 0.42, 0.3


def draw_montage(
    volume: Volume, segmentation: Segmentation, report: QualityReport, path: str | Path, n: int = 8,
    palette: Palette = "traffic",
) -> Path:  # fmt: skip
    """Write a PNG of the `n` lowest and the `n` highest slices of `report`; returns its path.

    `segmentation` lies on the grid of `volume` and holds the segments of the report. Raises `InputError`
    when it does not, or when nothing was scored, and `OutputError` when the file cannot be written.
    """
    return save(montage_figure(volume, segmentation, report, n, palette), path, dpi=120)


def montage_figure(
    volume: Volume, segmentation: Segmentation, report: QualityReport, n: int = 8,
    palette: Palette = "traffic",
) -> Figure:  # fmt: skip
    """The montage as a matplotlib figure; raises `InputError` like `draw_montage`."""
    lowest, highest = extremes(report.slices, n)
    if not lowest:
        raise InputError(f"No slice of {report.case} was scored; check its masks before drawing.")
    segments = {segment.name: segment for segment in segmentation.segments}
    groups = [("Lowest predicted Dice", lowest), ("Highest predicted Dice", highest)]
    groups = [(heading, rows) for heading, rows in groups if rows]
    height = HEAD + FOOT + sum(_group_height(rows) for _, rows in groups)
    figure = new_figure(3 * GAP + COLUMNS * (PANEL + GAP), height)
    add_title(figure, "Organ masks", report, left=2 * GAP)
    top = HEAD
    for heading, rows in groups:
        where = inches(figure, 2 * GAP, top + HEADING / 2)
        figure.text(*where, heading, size=13, weight="bold", color=INK, va="center")
        for place, row in enumerate(rows):
            _panel(figure, _corner(place, top + HEADING), volume, segments, row, report.slice_axis, palette)
        top += _group_height(rows)
    add_legend(figure, palette, top, left=2 * GAP)
    note = "radiological display: the patient's right is on the left"
    x, y = inches(figure, figure.get_size_inches()[0] - 2 * GAP, top + 0.07)
    figure.text(x, y, note, size=10, color=FAINT, va="center", ha="right")
    return figure


def _panel(
    figure: Figure, corner: tuple[float, float], volume: Volume, segments: dict[str, Segment],
    row: SliceScore, slice_axis: str, palette: Palette,
) -> None:  # fmt: skip
    """One slice with its caption; `corner`: its upper left in inches from the figure's upper left."""
    if row.segment not in segments:
        raise InputError(f"No mask {row.segment} among those to draw; load the masks that were scored.")
    cut = cutout(volume, segments[row.segment], row.slice)
    width, height = figure.get_size_inches()
    x, y = inches(figure, corner[0], corner[1] + PANEL)
    axes = figure.add_axes((x, y, PANEL / width, PANEL / height), facecolor="black")
    low, high = window(row.structure)
    axes.imshow(cut.hu, cmap="gray", vmin=low, vmax=high, extent=cut.extent, interpolation="bilinear")
    hue = colour(row.score, palette)
    _outline(axes, cut, hue)
    axes.set(xlim=cut.view[:2], ylim=cut.view[2:], aspect="equal", xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=hue, linewidth=2.5)
    name = shorten(organ_name(row.segment, row.structure), 36)
    x, y = inches(figure, corner[0], corner[1] + PANEL + 0.07)
    figure.text(x, y, name, size=10.5, weight="bold", color=INK, va="top", parse_math=False)
    x, y = inches(figure, corner[0], corner[1] + PANEL + 0.26)
    text = f"slice {slice_axis} = {row.slice},  predicted Dice {row.predicted_dice:.2f}"
    figure.text(x, y, text, size=10.5, color=INK, va="top")


def _outline(axes: Axes, cut: Cutout, hue: str) -> None:
    """The border of the mask along the edges of its voxels, on a dark line so that it shows on bone."""
    from matplotlib.collections import LineCollection

    left, right, bottom, top = cut.extent
    rows, columns = cut.mask.shape
    padded = np.pad(cut.mask, 1).astype(np.int8)
    # Each edge as its two corners (row, column), counted from the upper left corner of the cutout.
    across = np.argwhere(np.diff(padded, axis=0))[:, None, :] + [[0, -1], [0, 0]]
    along = np.argwhere(np.diff(padded, axis=1))[:, None, :] + [[-1, 0], [0, 0]]
    corners = np.concatenate([across, along]) / [rows, columns]
    x, y = left + corners[..., 1] * (right - left), top + corners[..., 0] * (bottom - top)
    edges = list(np.stack([x, y], axis=-1))
    for style in ({"colors": "black", "linewidths": 3.2, "alpha": 0.5}, {"colors": hue, "linewidths": 1.6}):
        axes.add_collection(LineCollection(edges, capstyle="projecting", **style))


def _corner(place: int, top: float) -> tuple[float, float]:
    line, column = divmod(place, COLUMNS)
    return 2 * GAP + column * (PANEL + GAP), top + line * (PANEL + CAPTION + GAP)


def _group_height(rows: Sequence[SliceScore]) -> float:
    return HEADING + math.ceil(len(rows) / COLUMNS) * (PANEL + CAPTION + GAP)
