"""How the Dice of a training set is distributed: a table, and a picture of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segae.files import whole_file
from segae.labels.table import LabelTable
from segae.report.style import FAINT, INK, new_figure, save
from segae_trainer.data.index import SPLITS
from segae_trainer.data.sample import ERRORS, KINDS
from segae_trainer.data.training_set import FIGURE, STATISTICS, StoredScan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BINS = 20
_MOST_ROWS = 50  # in a column
_ROW, _COLUMN, _NAME, _NUMBER, _MARGIN = 0.175, 2.5, 2.3, 0.75, 0.35  # inches
_TOP, _OVERVIEW, _GAP, _FOOT = 0.95, 1.5, 0.9, 0.95
# Kinds that are drawn in one colour.
_GROUPS = {
    "pseudo label": (("pseudo label",), "#2f6fd0"),
    "missed": (("missed", "empty"), "#d55e00"),
    "invented": (("invented", "beyond its end", "no overlap"), "#8a4f9e"),
    "synthetic error": (ERRORS, "#7cc4ee"),
    "exact or nearly": (("exact", "fine noise"), "#3fae49"),
    "wrong name": (("wrong name",), "#b0b0b0"),
}
_SHADES, _MEDIAN = "Blues", "#d1350f"
_DARKEST = 0.5  # share of a structure's masks

Line = tuple[str, int | None]  # text, and row of the label table; None for a heading


def draw_distribution(table: np.ndarray, path: Path, label_table: LabelTable) -> None:
    """Write a PNG with the histogram of the Dice by kind, and a line of shades for each structure.

    `table`: pairs of type `layout.PAIR`, at least one. Raises `OutputError`.
    """
    table = table[np.isfinite(table["dice"])]
    structures, dice, kinds = (np.ascontiguousarray(table[name]) for name in ("structure", "dice", "kind"))
    columns = _columns(set(np.unique(structures).tolist()), label_table)
    rows = max(len(column) for column in columns)
    width = len(columns) * (_NAME + _COLUMN + _NUMBER) + 2 * _MARGIN
    height = _TOP + _OVERVIEW + _GAP + rows * _ROW + _FOOT
    figure = new_figure(max(width, 7.5), height)
    _head(figure, len(dice), sum(row is not None for column in columns for _, row in column))
    wide = min(figure.get_figwidth() - 3.0, 8.0)
    _overview(_axes(figure, _MARGIN + 0.55, _TOP, wide, _OVERVIEW), dice, kinds)
    for place, column in enumerate(columns):
        left = _MARGIN + _NAME + place * (_NAME + _COLUMN + _NUMBER)
        axes = _axes(figure, left, _TOP + _OVERVIEW + _GAP, _COLUMN, len(column) * _ROW)
        _lines(axes, column, structures, dice)
    _scale(figure)
    save(figure, path, dpi=130)


def _columns(structures: set[int], label_table: LabelTable) -> list[list[Line]]:
    """The structures under the headings of their body systems, cut into columns of about one length."""
    lines: list[Line] = []
    for system, members in label_table.body_systems.items():
        present = [(m.name.replace("_", " "), m.index) for m in members if m.index in structures]
        lines += [(system, None), *present] if present else []
    count = -(-len(lines) // _MOST_ROWS)
    length = -(-len(lines) // count)
    columns: list[list[Line]] = [[]]
    heading = ""
    for text, row in lines:
        heading = text if row is None else heading
        full = len(columns[-1]) >= length or (row is None and len(columns[-1]) >= length - 1)
        if full and len(columns) < count:
            columns.append([] if row is None else [(f"{heading} (continued)", None)])
        columns[-1].append((text, row))
    return columns


def _head(figure: Figure, pairs: int, structures: int) -> None:
    height = figure.get_figheight()
    title = "How good are the masks of this training set?"
    figure.text(
        _MARGIN / figure.get_figwidth(), 1 - 0.2 / height, title, size=15, weight="bold", color=INK, va="top"
    )
    several = "structures" if structures > 1 else "structure"
    text = f"Dice of {pairs:,} masks in single slices, {structures} {several}; 0 = no overlap, 1 = exact"
    figure.text(_MARGIN / figure.get_figwidth(), 1 - 0.52 / height, text, size=10, color=FAINT, va="top")


def _overview(axes: Axes, dice: np.ndarray, kinds: np.ndarray) -> None:
    """How many masks of each kind have which Dice."""
    from matplotlib.ticker import MaxNLocator

    edges = np.linspace(0, 1, _BINS + 1)
    bottom = np.zeros(_BINS)
    for kind, (members, colour) in _GROUPS.items():
        counts = np.histogram(dice[np.isin(kinds, [KINDS.index(one) for one in members])], edges)[0]
        if counts.any():
            axes.bar(
                edges[:-1], counts, 1 / _BINS, bottom, align="edge", color=colour, edgecolor="white",
                linewidth=0.4, label=f"{kind} ({counts.sum():,})",
            )  # fmt: skip
            bottom += counts
    axes.set_xlim(0, 1)
    axes.set_ylabel("masks", size=9, color=INK)
    axes.set_xlabel("Dice in the slice", size=9, color=INK, labelpad=1)
    axes.tick_params(labelsize=8)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1.05))


def _lines(axes: Axes, column: list[Line], structures: np.ndarray, dice: np.ndarray) -> None:
    """A line for each structure: how its masks spread over the Dice, their median and number."""
    shares = np.full((len(column), _BINS), np.nan)
    for place, (text, row) in enumerate(column):
        if row is None:
            axes.text(-0.03, place + 0.5, text, size=8.5, weight="bold", ha="right", va="center", color=INK)
            continue
        values = dice[structures == row]
        shares[place] = np.histogram(values, _BINS, (0, 1))[0] / len(values)
        median = float(np.median(values))
        axes.plot([median] * 2, [place + 0.1, place + 0.9], color=_MEDIAN, linewidth=2, clip_on=False)
        axes.text(-0.03, place + 0.5, text, size=8, ha="right", va="center", color=INK)
        axes.text(1.03, place + 0.5, f"{len(values):,}", size=7.5, ha="left", va="center", color=FAINT)
    axes.text(1.08, -1.45, "masks", size=7.5, ha="left", va="center", color=FAINT)
    axes.pcolormesh(
        np.linspace(0, 1, _BINS + 1), np.arange(len(column) + 1), np.ma.masked_invalid(shares),
        cmap=_SHADES, vmin=0, vmax=_DARKEST, edgecolors="white", linewidth=0.3,
    )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(len(column), 0)
    axes.set_yticks([])
    axes.tick_params(labelsize=8, top=True, labeltop=True)
    axes.spines[:].set_visible(False)


def _scale(figure: Figure) -> None:
    """What the shades and the red mark mean."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    width, height = figure.get_size_inches()
    axes = figure.add_axes((_MARGIN / width, 0.42 / height, 1.6 / width, 0.13 / height))
    mappable = ScalarMappable(Normalize(0, _DARKEST), _SHADES)
    bar = figure.colorbar(mappable, cax=axes, orientation="horizontal", ticks=[0, 0.25, 0.5], extend="max")
    bar.ax.set_xticklabels(["0", "25 %", "50 %"], size=8)
    text = "blue: share of a structure's masks with that Dice, all kinds    red: their median"
    figure.text((_MARGIN + 1.9) / width, 0.485 / height, text, size=8.5, color=INK, va="center")


def _axes(figure: Figure, left: float, from_top: float, width: float, height: float) -> Axes:
    """Axes placed in inches."""
    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, 1 - (from_top + height) / h, width / w, height / h))


COLUMNS = (
    "structure_index", "structure", "split", "source", "kind", "pairs", "scans", "dice_0", "mean",
    "p05", "p25", "median", "p75", "p95",
)  # fmt: skip
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_GROUP = ("structure", "split", "source", "kind")


def write_statistics(
    folder: Path,
    table: np.ndarray,
    scans: Sequence[StoredScan],
    sources: Sequence[str],
    label_table: LabelTable,
) -> None:
    """Write `statistics.csv`, a row for each structure, split, source and kind, and `dice_by_structure.png`.

    `dice_0` is the share of pairs without any overlap. Raises `OutputError` when the disk is full.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(table, scans, sources, label_table))
    with whole_file(folder / STATISTICS) as stream:
        stream.write(text.getvalue().encode())
    draw_distribution(table, folder / FIGURE, label_table)


def _rows(
    table: np.ndarray, scans: Sequence[StoredScan], sources: Sequence[str], label_table: LabelTable
) -> Iterator[list[object]]:
    table = table[np.isfinite(table["dice"])]
    splits = np.array([SPLITS.index(scan.split) for scan in scans], np.uint8)
    columns = {name: np.ascontiguousarray(table[name]) for name in ("structure", "source", "kind", "scan")}
    columns["split"] = splits[columns["scan"]]
    dice = np.ascontiguousarray(table["dice"])
    order = np.lexsort((dice, *(columns[name] for name in reversed(_GROUP))))
    grouped = np.column_stack([columns[name][order] for name in _GROUP])
    starts = np.flatnonzero(np.r_[True, (np.diff(grouped.astype(int), axis=0) != 0).any(axis=1)])
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        structure, split, source, kind = grouped[start].tolist()
        values = dice[order[start:end]].astype(float)
        yield [
            structure,
            label_table.by_index(structure).name,
            SPLITS[split],
            sources[source],
            KINDS[kind],
            len(values),
            len(np.unique(columns["scan"][order[start:end]])),
            *(f"{value:.4f}" for value in (np.mean(values == 0), values.mean())),
            *(f"{value:.4f}" for value in np.quantile(values, _QUANTILES)),
        ]
