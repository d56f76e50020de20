"""Puts the page of a data set together: one HTML file with everything in it."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segae.files import whole_file
from segae.report.opening import mask_file, slicer_code
from segae.report.page.contents import Contents, quantiles
from segae.report.style import ERROR_COLOURS, one_line

if TYPE_CHECKING:
    import plotly.graph_objects as go

VERDICT_COLOURS = {
    "poor": "#d55e00", "missing parts": "#e69f00", "empty but present": "#cc79a7",
    "not reliable here": "#8a949e", "fine": "#0072b2", "absent": "#c7ced5", "name unknown": "#66727f",
}  # fmt: skip
_INK, _FAINT, _GRID = "#1f2933", "#66727f", "#e4e8ec"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_PER_STRUCTURE = 21  # pixels


@dataclass(frozen=True)
class PageExtras:
    """What is beside the reports: `failures` (case, reason) of cases without scores, `thumbnails` by place in
    `Contents.masks`, `notes` that a reader must see."""

    failures: Sequence[tuple[str, str]] = ()
    thumbnails: Mapping[int, bytes] = field(default_factory=dict)
    notes: Sequence[str] = ()


def write_page(contents: Contents, extras: PageExtras, title: str, path: Path) -> Path:
    """Write the page, whole or not at all; returns its path. Raises `OutputError` when it cannot be
    written."""
    text = page(contents, extras, title)
    with whole_file(path) as stream:
        stream.write(text.encode("utf-8", "replace"))
    return path


def page(contents: Contents, extras: PageExtras, title: str) -> str:
    """The HTML text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from plotly.offline import get_plotlyjs

    notes = list(extras.notes)
    if len(contents.masks) < contents.n_masks:
        notes.append(
            f"The table lists the first {len(contents.masks):,} of {contents.n_masks:,} masks in review "
            "order; segae merge writes all of them, charts and counts are of all."
        )
    environment = Environment(
        loader=PackageLoader("segae.report", "page"),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html.j2").render(
        title=one_line(title),
        contents=contents,
        extras=extras,
        notes=notes,
        models=[(one_line(model.name), model.sha256[:12], n) for model, n in contents.models.most_common()],
        error_colours=ERROR_COLOURS,
        figures=[
            (name, note, _script_json(figure.to_json() or ""))
            for name, note, figure in (
                ("verdicts", "", _verdict_bars(contents)),
                (
                    "structures",
                    "Box: middle half of the masks; dot: median; ends: 5 and 95 %. Click on a box to see "
                    "its masks below.",
                    _structure_boxes(contents),
                ),
            )
        ],
        data=_script_json(json.dumps(_data(contents, extras), separators=(",", ":"), ensure_ascii=True)),
        plotly_js=get_plotlyjs().replace("</script", "<\\/script"),
        count=lambda n, noun: f"{n:,} {noun}{'' if n == 1 else 's'}",
    )


class _Names:
    """Texts that many rows share, each once."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.places.setdefault(text, len(self.places))


def _data(contents: Contents, extras: PageExtras) -> dict[str, Any]:
    """What the page's script needs, small: rows are lists of numbers, in the order of `fields`."""
    segments, structures, verdicts, endings = _Names(), _Names(), _Names(), _Names()
    files = _mask_endings(contents)
    rows = [
        [
            one.case, segments(one.segment), structures(one.structure), verdicts(one.verdict),
            _thousandths(one.predicted_dice),
            *((None, None) if one.interval is None else map(_thousandths, one.interval)),
            round(one.wrong_ml, 2), one.slice, *(_tenths(one.place)), int(one.needs_review),
            endings(files[number]),
        ]
        for number, one in enumerate(contents.masks)
    ]  # fmt: skip
    shown = [n for n in range(len(rows)) if n in extras.thumbnails]
    return {
        "fields": [
            "case", "segment", "structure", "verdict", "dice", "low", "high", "wrong", "slice", "x", "y", "z",
            "review", "ending",
        ],
        "rows": rows,
        "cases": [
            [one.case, one.ct, one.masks, one.slice_axis, int(Path(one.ct).is_dir())]
            for one in contents.cases
        ],
        "segments": list(segments.places),
        "structures": list(structures.places),
        "verdicts": list(verdicts.places),
        "endings": list(endings.places),
        "pictures": {
            n: "data:image/webp;base64," + base64.b64encode(extras.thumbnails[n]).decode() for n in shown
        },
        "reasons": {n: " ".join(contents.masks[n].reasons) for n in shown},
        "code": [[slicer_code(series, place) for place in (False, True)] for series in (False, True)],
        "colours": VERDICT_COLOURS,
    }  # fmt: skip


def _mask_endings(contents: Contents) -> list[str]:
    """What follows the path of the masks to name each mask's own file; "" where that is the file."""
    endings = [""] * len(contents.masks)
    for n in sorted(range(len(endings)), key=lambda n: contents.masks[n].case):  # a folder is listed once
        one = contents.masks[n]
        masks = contents.cases[one.case].masks
        endings[n] = mask_file(masks, one.segment).removeprefix(masks)
        endings[n] = endings[n].replace(one.segment, "*", 1)  # so that few are different
    return endings


def _thousandths(value: float | None) -> int | None:
    return None if value is None else round(1000 * value)


def _tenths(place: tuple[float, float, float] | None) -> list[float | None]:
    return [None] * 3 if place is None else [round(value, 1) for value in place]


def _verdict_bars(contents: Contents) -> go.Figure:
    """How many masks have each verdict."""
    import plotly.graph_objects as go

    names = [name for name in VERDICT_COLOURS if contents.verdicts[name]]
    counts = [contents.verdicts[name] for name in names]
    bars = go.Bar(
        y=names, x=counts, orientation="h", text=[f"{n:,}" for n in counts], textposition="outside",
        cliponaxis=False, marker={"color": [VERDICT_COLOURS[name] for name in names]},
        hovertemplate="%{y}: %{x:,} masks<extra></extra>",
    )  # fmt: skip
    return go.Figure(bars, _layout(44 + 30 * max(1, len(names)), "masks", autorange=True))


def _structure_boxes(contents: Contents) -> go.Figure:
    """The distribution of the predicted Dice for each structure, the lowest median on top."""
    import plotly.graph_objects as go

    found = {name: quantiles(values) for name, values in contents.dice.items()}
    names = sorted(found, key=lambda name: found[name][2])
    low, q1, median, q3, high = ([found[name][n] for name in names] for n in range(5))
    counts = [(len(contents.dice[name]), contents.to_review[name]) for name in names]
    boxes = go.Box(
        y=names, q1=q1, median=median, q3=q3, lowerfence=low, upperfence=high, orientation="h", name="",
        boxpoints=False, marker={"color": "#0072b2"}, line={"width": 1.3}, fillcolor="rgba(0,114,178,.25)",
        hoverinfo="x+y", whiskerwidth=0.4,
    )  # fmt: skip
    medians = go.Scatter(
        x=median, y=names, mode="markers", marker={"color": "#0072b2", "size": 7}, hoverinfo="skip"
    )  # a box of one mask is hardly seen
    figure = go.Figure([boxes, medians], _layout(70 + _PER_STRUCTURE * max(1, len(names)), "predicted Dice"))
    texts = [f"{name}  <b>{n}</b>" for name, (_, n) in zip(map(html.escape, names), counts, strict=True)]
    figure.update_yaxes(tickmode="array", tickvals=names, ticktext=texts)
    figure.update_xaxes(range=[-0.01, 1.01], side="top", dtick=0.1, tickformat=".1f")
    return figure


def _layout(height: int, title: str, **axis: Any) -> dict[str, Any]:
    line = {"gridcolor": _GRID, "zeroline": False, "linecolor": "#b8c0c8"}
    return {
        "height": height,
        "font": {"family": _FONT, "size": 12.5, "color": _INK},
        "paper_bgcolor": "#fff",
        "plot_bgcolor": "#fff",
        "showlegend": False,
        "margin": {"l": 10, "r": 50, "t": 40 if title == "predicted Dice" else 8, "b": 36},
        "xaxis": {"title": {"text": title, "font": {"color": _FAINT}}, **line, **axis},
        "yaxis": {"autorange": "reversed", "automargin": True, "showgrid": False, "ticksuffix": " "},
        "bargap": 0.3,
    }


def _script_json(text: str) -> str:
    """JSON that may stand inside a script element."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
