"""Colours, names, display windows and titles that pictures and tables share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from segae.files import whole_file
from segae.results.bins import BIN_NAMES, ScoreBins
from segae.results.types import CaseReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Palette = Literal["traffic", "safe"]

BINS = ScoreBins()
# "safe" runs from red-brown to blue: kept apart with every common colour vision deficiency.
COLOURS: dict[Palette, tuple[str, str, str, str]] = {
    "traffic": ("#e8322b", "#f58a1f", "#f2d21b", "#3fae49"),
    "safe": ("#d55e00", "#f0b429", "#7cc4ee", "#2f6fd0"),
}
# Errors of a mask: neither is a colour of a band, and they differ in lightness as much as in hue.
ERROR_COLOURS = {"missing": "#00e5ff", "extra": "#c31fe8"}


def colour(dice: float, palette: Palette = "traffic") -> str:
    """Colour of a predicted Dice as #rrggbb."""
    return COLOURS[palette][int(BINS.of(dice))]


def bin_text(low: float, high: float) -> str:
    """A range of the legend: "below 0.50", "0.50-0.70", "from 0.85"."""
    if low == 0:
        return f"below {high:.2f}"
    return f"from {low:.2f}" if high == 1 else f"{low:.2f}-{high:.2f}"


ELLIPSIS = "…"


def organ_name(segment: str, structure: str) -> str:
    """The segment's own name, with the structure it was taken for when that reads differently."""
    if not structure or _letters(segment) == _letters(structure):
        return one_line(segment)
    return f"{one_line(segment)} ({structure})"


def shorten(text: str, width: int) -> str:
    """At most `width` characters: the middle gives way, since names differ at both ends ("rib left 11")."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return text[: width - 1 - tail] + ELLIPSIS + (text[-tail:] if tail else "")


def one_line(text: str) -> str:
    """Text without line breaks or other control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _letters(name: str) -> list[str]:
    """Words of a name in any order, so that "left kidney" equals "kidney_left"."""
    return sorted(re.findall(r"\w+", name.lower().replace("_", " ")))


SOFT_TISSUE = (-160.0, 240.0)
LUNG = (-1350.0, 150.0)
BONE = (-200.0, 600.0)
BRAIN = (0.0, 80.0)

_BONES = (
    "vertebrae", "costa", "rib", "sternum", "clavicle", "scapula", "humerus", "skull", "hip", "sacrum",
    "femur",
)  # fmt: skip
_BY_WORD = {
    **dict.fromkeys(("lung", "trachea", "bronchie", "bronchi"), LUNG),
    **dict.fromkeys(_BONES, BONE),
    "brain": BRAIN,
}


def window(structure: str) -> tuple[float, float]:
    """Lowest and highest HU of the display window that suits a structure of the label table."""
    words = structure.lower().replace("_", " ").split()
    return next((_BY_WORD[word] for word in words if word in _BY_WORD), SOFT_TISSUE)


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


def add_title(figure: Figure, title: str, report: CaseReport, left: float = 0.3) -> None:
    """At the top: `title` with the case, and the model."""
    room = int(figure.get_size_inches()[0] * 6.5)
    x, y = inches(figure, left, 0.22)
    text = shorten(f"{title}: {one_line(report.case)}", room)
    figure.text(x, y, text, size=17, weight="bold", color=INK, va="top", parse_math=False)
    x, y = inches(figure, left, 0.56)
    name = shorten(f"model {one_line(report.model.name)}", room)
    figure.text(x, y, name, size=11, color=FAINT, va="top", parse_math=False)


def add_legend(figure: Figure, palette: Palette, from_top: float, left: float = 0.3) -> None:
    """One row that explains the colours."""
    texts = (f"{name} {bin_text(*ends)}" for name, ends in zip(BIN_NAMES, BINS.ranges, strict=True))
    entries = [(text, colour, False) for text, colour in zip(texts, COLOURS[palette], strict=True)]
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
