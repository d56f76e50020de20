"""Colours and layout that the figures of the page share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from segae_trainer.evaluate.evaluation import LEAST_IN_GROUP, Evaluation, Level
from segae_trainer.evaluate.metrics import calibration_bins, limits_of_agreement, number

if TYPE_CHECKING:
    import plotly.graph_objects as go

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


MOST_POINTS = 1500  # drawn per method, so that the page stays quick; the figures use all
MOST_BARS = 40
_PANEL, _GAP = 290, 130  # height of a panel and of what lies between two rows, pixels
_RANGE = [-0.08, 1.08]


def scatter(evaluations: Sequence[Evaluation], level: Level) -> go.Figure:
    """True against predicted Dice with the fitted line, one panel per method, as in the paper."""
    import plotly.graph_objects as go

    figure = _panels([_heading(e, level) for e in evaluations])
    for place, evaluation in enumerate(evaluations):
        where = _where(place, len(evaluations))
        predicted, truth = evaluation.arrays(level)
        shown = _some(len(truth))
        hue = colour(place)
        texts = _names(evaluation, level, shown)
        figure.add_trace(_line([0, 1], [0, 1], FAINT, "dash"), **where)
        figure.add_trace(
            go.Scatter(
                x=truth[shown].round(4), y=predicted[shown].round(4), mode="markers", text=texts,
                marker={"size": 5, "color": faded(hue, 0.32), "line": {"width": 0}},
                hovertemplate="%{text}<br>true %{x:.3f}, predicted %{y:.3f}<extra></extra>",
            ),
            **where,
        )  # fmt: skip
        if len(truth) > 1 and np.ptp(truth) > 0:
            slope, offset = np.polyfit(truth, predicted, 1)
            ends = np.array([truth.min(), truth.max()])
            figure.add_trace(_line(ends, slope * ends + offset, INK), **where)
    _axes(figure, len(evaluations), "true Dice", "predicted Dice", x=_RANGE, y=_RANGE)
    return figure


def bland_altman(evaluations: Sequence[Evaluation], level: Level) -> go.Figure:
    """Predicted minus true Dice against the mean of both, with the bias and the limits of agreement."""
    import plotly.graph_objects as go

    figure, widest = _panels([e.method for e in evaluations]), 0.1
    for place, evaluation in enumerate(evaluations):
        where, hue = _where(place, len(evaluations)), colour(place)
        predicted, truth = evaluation.arrays(level)
        widest = max(widest, float(np.abs(predicted - truth).max()))
        shown, limits = _some(len(truth)), limits_of_agreement(predicted, truth)
        figure.add_trace(
            go.Scatter(
                x=((predicted + truth) / 2)[shown].round(4), y=(predicted - truth)[shown].round(4),
                mode="markers", marker={"size": 4.5, "color": faded(hue, 0.32)},
                text=_names(evaluation, level, shown),
                hovertemplate="%{text}<br>mean %{x:.3f}, difference %{y:+.3f}<extra></extra>",
            ),
            **where,
        )  # fmt: skip
        for value, dash in ((limits.bias, "solid"), (limits.low, "dash"), (limits.high, "dash")):
            if np.isfinite(value):
                figure.add_trace(_line(_RANGE, [value, value], INK, dash), **where)
                figure.add_annotation(
                    x=_RANGE[1], y=value, text=number(value, signed=True), showarrow=False, xanchor="right",
                    yanchor="bottom", font={"size": 11, "color": INK}, bgcolor="rgba(255,255,255,.7)",
                    **where,
                )  # fmt: skip
    _axes(
        figure,
        len(evaluations),
        "mean of both",
        "predicted - true Dice",
        x=_RANGE,
        y=[-1.08 * widest, 1.08 * widest],
    )
    return figure


def reliability(evaluations: Sequence[Evaluation], level: Level) -> go.Figure:
    """Mean true Dice by decile of the prediction; on the dashed line a prediction means what it says."""
    import plotly.graph_objects as go

    figure = go.Figure([_line([0, 1], [0, 1], FAINT, "dash")])
    for place, evaluation in enumerate(evaluations):
        bins = calibration_bins(*evaluation.arrays(level))
        figure.add_scatter(
            x=[b.predicted for b in bins], y=[b.truth for b in bins], customdata=[b.n for b in bins],
            mode="lines+markers", name=evaluation.method, line={"color": colour(place), "width": 2},
            marker={"size": 8, "line": {"color": "white", "width": 1}},
            hovertemplate="predicted %{x:.3f}, true %{y:.3f}<br>%{customdata} masks<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        layout(
            height=460,
            xaxis=axis("mean predicted Dice of the decile", range=_RANGE, dtick=0.2),
            yaxis=axis("mean true Dice", range=_RANGE, dtick=0.2, scaleanchor="x", constrain="domain"),
        )
    )
    figure.update_xaxes(constrain="domain")
    return figure


def structure_bars(evaluations: Sequence[Evaluation], level: Level, metric: str, label: str) -> go.Figure:
    """One metric of each structure, the worst of the first method on top."""
    import plotly.graph_objects as go

    groups = [_structures(e, level, metric) for e in evaluations]
    if not groups:
        return go.Figure()
    order = groups[0].sort_values("value", ascending=metric != "mae", na_position="last")
    names = order["name"].tolist()[:MOST_BARS]
    figure = go.Figure()
    for place, (evaluation, table) in enumerate(zip(evaluations, groups, strict=True)):
        rows = table.set_index("name").reindex(names)
        figure.add_bar(
            y=names, x=rows["value"].round(4), orientation="h", name=evaluation.method, customdata=rows["n"],
            marker={"color": colour(place)},
            hovertemplate=f"%{{y}}<br>{label} %{{x:.3f}}, %{{customdata}} masks<extra></extra>",
        )  # fmt: skip
    per_name = 6 + 9 * len(evaluations)
    figure.update_layout(
        layout(
            height=130 + max(24, per_name) * max(len(names), 1),
            barmode="group", bargap=0.25,
            xaxis=axis(label, rangemode="tozero", side="top"),
            yaxis=axis(autorange="reversed", ticksuffix=" ", showgrid=False, automargin=True),
        )
    )  # fmt: skip
    figure.update_layout(legend={"y": -0.01, "yanchor": "top"})
    return figure


def _structures(evaluation: Evaluation, level: Level, metric: str):
    groups = evaluation.groups
    least = LEAST_IN_GROUP if level == "slice" else 1
    here = (groups["level"] == level) & (groups["group"] == "structure") & (groups["metric"] == metric)
    return groups.take(np.flatnonzero(here & (groups["n"] >= least)))


def _heading(evaluation: Evaluation, level: Level) -> str:
    row = evaluation.row("lcc", level)
    return f"{evaluation.method}<br><b>LCC {number(row['value'])}</b>  n {row['n']}"


def _panels(titles: list[str]) -> go.Figure:
    from plotly.subplots import make_subplots

    columns = _columns(len(titles))
    rows = -(-len(titles) // columns)
    height = rows * _PANEL + (rows - 1) * _GAP
    figure = make_subplots(
        rows, columns, subplot_titles=titles, horizontal_spacing=0.05, vertical_spacing=_GAP / height
    )
    margin = {"l": 60, "r": 16, "t": 60, "b": 52}
    figure.update_annotations(font={"size": 13, "color": INK})
    figure.update_layout(layout(height=height + margin["t"] + margin["b"], showlegend=False, margin=margin))
    return figure


def _columns(n: int) -> int:
    """Panels in a row: up to four side by side, more in rows of three."""
    return n if n <= 4 else 3


def _where(place: int, n: int) -> dict[str, Any]:
    row, column = divmod(place, _columns(n))
    return {"row": row + 1, "col": column + 1}


def _axes(figure: go.Figure, n: int, x_title: str, y_title: str, x: list[float], y: list[float]) -> None:
    for place in range(n):
        where = _where(place, n)
        figure.update_xaxes(axis(x_title, range=x, dtick=0.2 if n < 4 else 0.5), **where)
        figure.update_yaxes(axis(y_title if where["col"] == 1 else "", range=y), **where)


def _line(x, y, hue: str, dash: str = "solid") -> go.Scatter:
    import plotly.graph_objects as go

    return go.Scatter(
        x=list(x), y=list(y), mode="lines", hoverinfo="skip", showlegend=False,
        line={"color": hue, "width": 1.5, "dash": dash},
    )  # fmt: skip


def _some(n: int) -> np.ndarray:
    """Evenly spread rows, the same for every method."""
    return np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).astype(int))


def _names(evaluation: Evaluation, level: Level, rows: np.ndarray) -> list[str]:
    table = evaluation.scored(level).iloc[rows]
    parts = zip(table["structure"], table["case"], table["slice"], table["source"], strict=True)
    if level == "organ":
        return [f"{structure}, {case}, {source}" for structure, case, _, source in parts]
    return [f"{structure}, {case}, slice {k}, {source}" for structure, case, k, source in parts]
