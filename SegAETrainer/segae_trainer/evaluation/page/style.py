"""Colours and layout that the figures of the page share."""

from __future__ import annotations

from typing import Any

# Okabe & Ito's colours in an order that keeps neighbours apart, for every common colour vision.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666", "#882255")
INK, FAINT, GRID, PAPER = "#1f2933", "#66727f", "#e4e8ec", "#ffffff"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


def colour(place: int) -> str:
    """Colour of the method in this place."""
    return COLOURS[place % len(COLOURS)]


def faded(hue: str, alpha: float) -> str:
    """#rrggbb as rgba(...)."""
    red, green, blue = (int(hue[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def layout(**more: Any) -> dict[str, Any]:
    """The layout of a figure."""
    return {
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "margin": {"l": 56, "r": 16, "t": 44, "b": 48},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        "hoverlabel": {"font": {"family": FONT}},
        **more,
    }


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis with a quiet grid."""
    return {
        "title": {"text": title, "font": {"size": 13, "color": FAINT}},
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": "#b8c0c8",
        "ticks": "outside",
        "tickcolor": "#b8c0c8",
        **more,
    }
