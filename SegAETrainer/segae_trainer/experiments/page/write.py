"""One page of all experiments in a folder: claims, curves, tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segae.files import whole_file
from segae_trainer.evaluate.page.figures import FAINT, axis, colour, faded, layout
from segae_trainer.evaluate.page.write import figure_json
from segae_trainer.experiments.active_learning import ACTIVE
from segae_trainer.experiments.claims import (
    MEASURES,
    Claim,
    active_claims,
    by_seed_and_patient,
    cost_claims,
    difference,
    mean_of,
    semi_claims,
    where,
)
from segae_trainer.experiments.cost import COST, PAPER
from segae_trainer.experiments.judges import RANDOM, SEGAE
from segae_trainer.experiments.semi_supervised import SEMI
from segae_trainer.experiments.setting import read_table
from segae_trainer.train.run_folder import RunFolder, read_config

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

PAGE = "experiments.html"


@dataclass(frozen=True)
class Table:
    """`head` and `rows` are texts; `note` stands below."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Section:
    """One experiment. `figures`: (title, note, JSON)."""

    id: str
    title: str
    description: str
    facts: tuple[tuple[str, str], ...]
    claims: tuple[Claim, ...]
    figures: tuple[tuple[str, str, str], ...]
    tables: tuple[Table, ...]


def write_page(out: Path) -> tuple[Path, list[str]]:
    """Write `experiments.html` on the experiments whose CSV files lie in `out`; returns its path, and a
    sentence for each claim. Raises `OutputError`."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from plotly.offline import get_plotlyjs

    sections = list(_sections(out))
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader(f"segae_trainer.{where}", "page") for where in ("experiments", "evaluate")]
        ),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    text = environment.get_template("experiments.html.j2").render(
        sections=sections, plotly_js=get_plotlyjs().replace("</script", "<\\/script")
    )
    with whole_file(out / PAGE) as stream:
        stream.write(text.encode())
    return out / PAGE, [str(claim) for section in sections for claim in section.claims]


def _sections(out: Path) -> Iterator[Section]:
    for name, make in ((ACTIVE, _active), (SEMI, _semi), (COST, _cost)):
        if (out / f"{name}.csv").is_file():
            table = read_table(out / f"{name}.csv")
            config = read_config(RunFolder(out / name)) or {"learning": {}}
            yield make(table, _facts(table, config["learning"]))


def _facts(table: pd.DataFrame, settings: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    facts = []
    if settings:
        network = settings["segmenter"]
        facts.append(("Segmenter", f"{network['network']}, {network['steps']} steps"))
    if "patient" in table:
        facts += [
            ("Test patients", str(table["patient"].nunique())),
            ("Seeds", str(table["seed"].nunique())),
            ("Structures", ", ".join(sorted(table["structure"].unique()))),
        ]
    if settings:
        facts.append(("Labelled from the start", f"{settings['labelled']} patients"))
        facts.append(("Scorer", str(settings["scorer"]["segae"])))
    return tuple(facts)


def _active(table: pd.DataFrame, facts: tuple[tuple[str, str], ...]) -> Section:
    names = list(dict.fromkeys(table["strategy"]))
    figures, tables = [], []
    for measure, label in MEASURES.items():
        figures.append((
            f"{label} against annotation",
            "Mean over test patients and seeds; bands: 95 % intervals, patients and seeds drawn anew.",
            figure_json(_curves(table, names, measure, label)),
        ))  # fmt: skip
        rows = []
        for name in names:
            mine = where(table, strategy=name)
            cells = []
            for number in sorted(set(table["round"].tolist())):
                here = where(mine, round=number)
                chance = where(table, strategy=RANDOM, round=number)
                text = str(mean_of(by_seed_and_patient(here, measure)))
                if name != RANDOM and number > 0 and len(chance):
                    text += f"; to random {_signed(difference(here, chance, measure))}"
                cells.append(text)
            rows.append((name, *cells))
        budgets = table.groupby("round")["annotated"].median()
        head = ("Strategy", *(f"{budget:g} annotated" for budget in budgets))
        tables.append(Table(label, head, tuple(rows), "Paired differences to random choice after the mean."))
    return Section(
        ACTIVE, "Active learning: which masks to annotate next",
        "A segmenter learns from a few patients; then the masks that a method ranks lowest are annotated, "
        "round after round. Test patients are never annotated.",
        facts, tuple(active_claims(table)), tuple(figures), tuple(tables),
    )  # fmt: skip


def _curves(table: pd.DataFrame, names: list[str], measure: str, label: str) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure(layout=layout(height=430))
    for place, name in enumerate(names):
        mine, hue = where(table, strategy=name), colour(place)
        points = [
            (rows["annotated"].median(), mean_of(by_seed_and_patient(rows, measure)))
            for _, rows in mine.groupby("round")
        ]
        budgets, means = [x for x, _ in points], [mean for _, mean in points]
        figure.add_scatter(
            x=budgets + budgets[::-1], y=[m.high for m in means] + [m.low for m in means][::-1],
            fill="toself", fillcolor=faded(hue, 0.1), line={"width": 0}, hoverinfo="skip", showlegend=False,
            legendgroup=name,
        )  # fmt: skip
        figure.add_scatter(
            x=budgets, y=[m.value for m in means], mode="lines+markers", name=name, legendgroup=name,
            line={"color": hue, "width": 3 if name == SEGAE else 1.8},
            hovertemplate=f"{name}<br>%{{x}} annotated, %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(axis("annotated"))
    figure.update_yaxes(axis(label))
    return figure


def _semi(table: pd.DataFrame, facts: tuple[tuple[str, str], ...]) -> Section:
    names, figures, rows = list(dict.fromkeys(table["filter"])), [], []
    for name in names:
        mine, chance = where(table, filter=name), where(table, filter=RANDOM)
        cells = [name, f"{mine['pseudo_labels'].mean():g}"]
        for measure in MEASURES:
            cells.append(str(mean_of(by_seed_and_patient(mine, measure))))
            compared = name != RANDOM and len(chance) > 0
            cells.append(_signed(difference(mine, chance, measure)) if compared else "")
        rows.append(tuple(cells))
    for measure, label in MEASURES.items():
        means = [mean_of(by_seed_and_patient(where(table, filter=name), measure)) for name in names]
        figures.append((label, "Bars: 95 % intervals, patients and seeds drawn anew.",
                        figure_json(_points(names, means, label))))  # fmt: skip
    head = ("Pseudo labels chosen by", "masks", "Dice", "to random", "Surface Dice", "to random")
    return Section(
        SEMI, "Semi-supervised learning: which pseudo labels to learn from",
        "A segmenter that learned from labelled patients predicts unlabelled ones; a second one learns from "
        "the labels and from the predictions that a method keeps.",
        facts, tuple(semi_claims(table)), tuple(figures), (Table("Results", head, tuple(rows)),),
    )  # fmt: skip


def _points(names: list[str], means: list[Any], label: str) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure(layout=layout(height=90 + 34 * len(names), showlegend=False))
    for place, (name, mean) in enumerate(zip(names, means, strict=True)):
        figure.add_scatter(
            x=[mean.value], y=[name], mode="markers", marker={"size": 10, "color": colour(place)},
            error_x={"type": "data", "symmetric": False, "array": [mean.high - mean.value],
                     "arrayminus": [mean.value - mean.low], "color": colour(place)},
            hovertemplate=f"{name}: {mean}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(axis(label))
    figure.update_yaxes(axis(autorange="reversed"))
    figure.update_layout(margin={"l": 150, "r": 16, "t": 16, "b": 48})
    return figure


def _cost(table: pd.DataFrame, facts: tuple[tuple[str, str], ...]) -> Section:
    rows, ours = [], _costs(where(table, method=SEGAE))
    for name in dict.fromkeys(table["method"]):
        mine = _costs(where(table, method=name))
        ratios = [f"{a / b:.3g}" if b else "" for a, b in zip(mine, ours, strict=True)]
        paper = PAPER.get(name)
        told = [f"{a / b:,.3g}" for a, b in zip(paper, PAPER[SEGAE], strict=True)] if paper else ["", "", ""]
        wall, cpu, memory, disk = mine
        rows.append((
            name, f"{wall:.2f}", ratios[0], told[0], f"{cpu:.2f}", ratios[1], f"{memory:.0f}", ratios[2],
            told[1], f"{disk / 1e6:.4f}", ratios[3], told[2],
        ))  # fmt: skip
    head = (
        "Method", "wall s", "ratio", "paper", "CPU s", "ratio", "peak MB", "ratio", "paper", "disk MB",
        "ratio", "paper",
    )  # fmt: skip
    note = (
        "Per case, mean; ratio: to SegAE; paper: the published ratio. Peak memory is that of the whole "
        "process, libraries included. On the disk lie, as the paper counts them, the probabilities of each "
        "pass in half precision; a program that keeps its one number only needs none of them."
    )
    figures = (("Seconds and bytes", "Logarithmic scales.", figure_json(_bars(table))),)
    return Section(
        COST, "Cost of judging masks",
        f"The same {int(where(table, method=table['method'].iloc[0])['masks'].sum())} masks of "
        f"{table['scan'].nunique()} scans, each method in a process of its own.",
        facts, tuple(cost_claims(table)), figures,
        (Table("Cost per case", head, tuple(rows), note),),
    )  # fmt: skip


def _costs(rows: pd.DataFrame) -> tuple[float, float, float, float]:
    means = rows[["wall_s", "cpu_s", "peak_mb", "disk_bytes"]].mean()
    return means["wall_s"], means["cpu_s"], means["peak_mb"], means["disk_bytes"]


def _bars(table: pd.DataFrame) -> go.Figure:
    from plotly.subplots import make_subplots

    titles = {"wall_s": "wall seconds", "peak_mb": "peak memory, MB", "disk_bytes": "bytes on the disk"}
    figure = make_subplots(1, len(titles), subplot_titles=list(titles.values()), horizontal_spacing=0.08)
    names = list(dict.fromkeys(table["method"]))
    for column, key in enumerate(titles, start=1):
        means = [float(where(table, method=name)[key].mean()) for name in names]
        figure.add_bar(
            x=names, y=means, showlegend=False, row=1, col=column,
            marker={"color": [colour(place) for place in range(len(names))], "line": {"color": FAINT}},
        )  # fmt: skip
    figure.update_layout(**layout(height=380))
    figure.update_xaxes(axis())
    figure.update_yaxes(axis(type="log"))
    return figure


def _signed(mean: Any) -> str:
    low, high = mean.low, mean.high
    return f"{mean.value:+.3f} ({low:+.3f} to {high:+.3f})" if low == low else f"{mean.value:+.3f}"
