"""What the pictures share: how they are titled, explained and saved. No state of pyplot is touched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segae.draw.palette import BAND_NAMES, COLOURS, ERROR_COLOURS, Palette
from segae.draw.wording import one_line, shorten
from segae.report.report import QualityReport
from segae.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#222222"
FAINT = "#6b6b6b"


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure, in inches, that can be saved without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def inches(figure: Figure, x: float, from_top: float) -> tuple[float, float]:
    """Figure coordinates of a point given in inches from the left and from the top."""
    width, height = figure.get_size_inches()
    return x / width, 1 - from_top / height


def add_title(figure: Figure, title: str, report: QualityReport, left: float = 0.3) -> None:
    """At the top: `title` with the case, the model, and a warning when it is a demonstration model."""
    room = int(figure.get_size_inches()[0] * 6.5)
    x, y = inches(figure, left, 0.22)
    text = shorten(f"{title}: {one_line(report.case)}", room)
    figure.text(x, y, text, size=17, weight="bold", color=INK, va="top", parse_math=False)
    x, y = inches(figure, left, 0.56)
    model = report.model
    name = shorten(f"model {one_line(model.name)}", room)
    figure.text(x, y, name, size=11, color=FAINT, va="top", parse_math=False)
    if model.demonstration:
        x, y = inches(figure, left, 0.80)
        warning = "demonstration model: its scores show how the tool works, do not rely on them"
        figure.text(x, y, warning, size=11, weight="bold", color="#b3261e", va="top", parse_math=False)


def add_legend(figure: Figure, palette: Palette, from_top: float, left: float = 0.3) -> None:
    """One row that explains the colours."""
    entries = [(text, colour, False) for text, colour in zip(BAND_NAMES, COLOURS[palette], strict=True)]
    _legend(figure, "predicted Dice", entries, from_top, left)


def add_error_legend(figure: Figure, from_top: float, left: float) -> None:
    """One row that says what the colours of errors mean; the striped one is shown striped."""
    entries = [(key, colour, key == "extra") for key, colour in ERROR_COLOURS.items()]
    _legend(figure, "predicted errors", entries, from_top, left)


def _legend(
    figure: Figure, title: str, entries: Sequence[tuple[str, str, bool]], from_top: float, left: float
) -> None:
    """A title, and for each entry a patch in its colour, perhaps striped, with its text."""
    from matplotlib.patches import Rectangle

    width, height = figure.get_size_inches()
    figure.text(*inches(figure, left, from_top + 0.07), title, size=10, color=INK, va="center")
    x = left + 0.085 * len(title) + 0.2
    for text, colour, striped in entries:
        patch = Rectangle(
            ((x + 0.02) / width, 1 - (from_top + 0.14) / height), 0.2 / width, 0.14 / height,
            facecolor="white" if striped else colour, edgecolor=colour if striped else "none",
            hatch="/////" if striped else None, transform=figure.transFigure,
        )  # fmt: skip
        figure.add_artist(patch)
        x += 0.3
        figure.text(*inches(figure, x, from_top + 0.07), text, size=10, color=INK, va="center")
        x += 0.085 * len(text) + 0.2


def save(figure: Figure, path: str | Path, dpi: int) -> Path:
    """Write a PNG, whole or not at all; raises `OutputError`."""
    path = Path(path)
    with whole_file(path) as stream:
        figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    return path
