"""The model card: `card.md` filled in from predictions on patients that the model was not trained on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segae.errors import InputError
from segae.files import whole_file
from segae.models.spec import ModelSpec
from segae.scoring.conformal import coverage, mean_width
from segae_trainer.data.draw_samples import SHARES
from segae_trainer.evaluate.calibration import CALIBRATED_ON, organ_name, with_unseen_calibration
from segae_trainer.evaluate.evaluation import percentile_interval, resample_patients
from segae_trainer.evaluate.goals import GOOD, SECOND, SHOWN, Evidence, SingleMask, measured, where
from segae_trainer.evaluate.metrics import (
    Metric,
    calibration_bins,
    compute,
    metric_named,
)
from segae_trainer.evaluate.predictions import INTERVAL, RAW

if TYPE_CHECKING:
    import pandas as pd

    Tables = Mapping[str, pd.DataFrame]


STARTER_NOTES = Path(__file__).with_name("starter_notes.json")
_COLOURS = ("#3b6ea5", "#c0582f", "#7a3e8e", "#4d8b4a", "#8a7a2e")
_SIZE = (9.0, 4.6)  # inches


@dataclass(frozen=True)
class Notes:
    """What no figure says. `data`, `figures`: paragraphs on where the data is from and how figures were made;
    `limits`, `not_for`, `tried`: lists; `sources`: beginning of a scan's name, source and licence."""

    data: str = "Patients, not scans, are kept apart. No scan is in the model file."
    figures: str = "Figures are those of a split whose patients the model was not trained on."
    limits: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ("Clinical decisions of any kind.",)
    tried: tuple[str, ...] = ()
    sources: tuple[tuple[str, str, str], ...] = ()

    @classmethod
    def read(cls, path: Path) -> Notes:
        """From a JSON file. Raises `InputError` when it is none."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            limits, not_for, tried = (tuple(content.get(name, ())) for name in ("limits", "not_for", "tried"))
            sources = tuple((a, b, c) for a, b, c in content.get("sources", ()))
            data, figures = (str(content.get(name, getattr(cls, name))) for name in ("data", "figures"))
        except (OSError, ValueError, TypeError, AttributeError):
            raise InputError(f'"{path}" holds no notes for a model card; give a JSON file.') from None
        return cls(data, figures, limits, not_for, tried, sources)

    def source_of(self, scan: str) -> tuple[str, str]:
        """Where a scan is from, and its licence."""
        found = ((source, licence) for start, source, licence in self.sources if scan.startswith(start))
        return next(found, ("-", "-"))


def write_card(
    path: Path,
    spec: ModelSpec,
    tables: Tables,
    notes: Notes,
    *,
    baselines: Mapping[str, Tables] | None = None,
    masks: tuple[SingleMask, ...] = (),
    milliseconds: float = float("nan"),
) -> None:
    """The card, and beside it the reliability plot, a PNG of the same name. `tables`: predictions by suite,
    organs beside slices; `baselines`: those of other methods on the same masks, by name. Raises
    `OutputError`."""
    suites = (*CALIBRATED_ON, SECOND)
    shown, picture = with_unseen_calibration(tables, suites), path.with_suffix(".png")
    draw_reliability(shown, picture)
    evidence = Evidence(shown, masks, milliseconds)
    with whole_file(path) as stream:
        stream.write(model_card(spec, evidence, baselines or {}, notes, picture.name).encode())


def model_card(
    spec: ModelSpec, evidence: Evidence, baselines: Mapping[str, Tables], notes: Notes, picture: str
) -> str:
    """Markdown; `picture`: the reliability plot's name."""
    tables = evidence.tables
    template = Path(__file__).with_name("card.md").read_text(encoding="utf-8")
    recipe = spec.training.get("learning", {}).get("recipe", {})
    synthetic = tables.get("synthetic")
    return template.format(
        name=spec.name,
        description=spec.description,
        licence=spec.licence,
        not_for=_list(notes.not_for),
        properties=markdown(("property", "value"), _properties(spec)),
        scans=_scans(spec, notes),
        data=notes.data,
        weights=", ".join(f"{kind} {times:g}" for kind, times in recipe.get("kind_weights", {}).items())
        or "none",
        shares=", ".join(f"{kind} {share:.0%}" for kind, share in SHARES.items()),
        figures=notes.figures,
        goals=markdown((*GOALS_HEAD, *evidence.cases), goal_rows(evidence)),
        compared=markdown(COMPARED_HEAD, compared_rows({spec.name: tables, **baselines})),
        by_case=markdown(CASES_HEAD, case_rows(tables)),
        by_organ=markdown(ORGANS_HEAD, organ_rows(tables.get("network"))),
        by_kind=markdown(KINDS_HEAD, [] if synthetic is None else kind_rows(synthetic)),
        intervals=markdown(INTERVALS_HEAD, interval_rows(tables)),
        bins=markdown(BINS_HEAD, bin_rows(tables)),
        picture=picture,
        limits=_list((*notes.limits, *spec.limits)),
        tried=_list(notes.tried) if notes.tried else "Nothing is recorded.",
    )


def draw_reliability(tables: Tables, path: Path) -> None:
    """A PNG with two panels: mean true Dice of the masks with about the same raw score, and the same
    predicted Dice. Raises `OutputError`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained", dpi=120)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, column, title in zip(panels, (RAW, SHOWN), ("raw score", "predicted Dice"), strict=True):
        axes.plot((0, 1), (0, 1), color="#999999", linestyle="--", linewidth=1)
        for suite, colour in zip(AGREEMENTS, _COLOURS, strict=True):
            if suite in tables:
                scores, truth = (tables[suite][name].to_numpy(float) for name in (column, "dice"))
                there = np.isfinite(scores)
                bins = calibration_bins(scores[there], truth[there])
                axes.plot(
                    [one.predicted for one in bins], [one.truth for one in bins], color=colour, label=suite,
                    marker="o", markersize=4, linewidth=1.4,
                )  # fmt: skip
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"mean {title}", aspect="equal")
    panels[0].set_ylabel("mean true Dice")
    panels[1].legend(frameon=False, loc="upper left")
    with whole_file(path) as stream:
        figure.savefig(stream, format="png", metadata={"Software": None})


def _properties(spec: ModelSpec) -> Iterable[Row]:
    shown, learning = spec.input, spec.training.get("learning", {})
    recipe: Mapping[str, Any] = learning.get("recipe", {})
    windows = ", ".join(f"{low:g}..{high:g}" for low, high in shown.hu_windows)
    slices = ", ".join(f"{mm:+g}" for mm in shown.neighbours_mm)
    view = f"CT in {shown.context_view:g} times the crop's length" if shown.context_view else "none"
    yield "architecture", f"{spec.architecture}, {spec.backbone}"
    yield "input", f"{shown.size} x {shown.size} pixels, CT {windows} HU, {shown.orientation}, the mask"
    yield "neighbouring slices", f"{slices} mm" if slices else "none"
    yield "crop", _crop(spec)
    yield "context view", view
    yield "position features", "yes" if shown.position_features else "no"
    yield "vectors of the names", f"{spec.training.get('names', '-')}, {spec.text_dim} numbers"
    yield "names trained on", len(spec.trained_labels)
    if recipe:
        yield "recipe", recipe["name"]
        yield "steps", _steps(recipe)
        yield "share of network masks", f"{recipe['real']:.0%}"
        yield "optimiser", f"{recipe['optimiser']} {recipe['learning_rate']}, decay {recipe['weight_decay']}"
        yield "weights", f"moving average ({recipe['average']})" if recipe["average"] else "best epoch"
        yield "seed", learning["seed"]


def _crop(spec: ModelSpec) -> str:
    rule = spec.input.crop
    if rule.kind == "margin":
        return f"the mask's box and {rule.pixels} pixels"
    return f"{rule.scale} x the mask's longer side + {rule.millimetres:g} mm"


def _steps(recipe: Mapping[str, Any]) -> str:
    if not recipe["phases"]:
        return f"{recipe['epochs']} epochs of batches of {recipe['batch']}"
    return ", then ".join(
        f"{one['steps']} of {one['batch']} samples"
        + (f" at 1/{one['shrink']} of the size" if one["shrink"] > 1 else "")
        for one in recipe["phases"]
    )


def _scans(spec: ModelSpec, notes: Notes) -> str:
    rows = [
        (one["case"], one["patient"], one["use"], ", ".join(one["leave_out"]) or "-",
         "yes" if one["coarse"] else "no", *notes.source_of(one["case"]))
        for one in spec.training.get("cohort", ())
    ]  # fmt: skip
    head = ("scan", "patient", "use", "structures left out", "larger pixels too", "from", "licence")
    return markdown(head, rows) if rows else f"{len(spec.trained_labels)} structures were trained on."


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


AGREEMENTS = ("synthetic", "network", organ_name("network"), SECOND, organ_name(SECOND))
LOW, HIGH = INTERVAL
Row = Sequence[object]
LEAST_IN_GROUP = 20  # masks of a structure that gets a row of its own
_COMPARED = tuple(map(metric_named, ("lcc", "mae", "bias", "auroc_70")))
_BY_ORGAN = tuple(map(metric_named, ("mae", "bias")))

GOALS_HEAD = ("figure", "requested", "aim", "measured", "reached", "calibrated")
COMPARED_HEAD = ("masks", "method", "n", *(m.label for m in _COMPARED), f"mean score of Dice > {GOOD}")
CASES_HEAD = (
    "masks",
    "patient",
    "scan",
    "n",
    "true Dice",
    "score",
    *(m.label for m in _COMPARED),
    "in interval",
)
ORGANS_HEAD = ("structure", "patients", "n", "true Dice", "score", "LCC", "MAE", "Bias")
KINDS_HEAD = ("kind", "n", "true Dice", "score", "MAE")
BINS_HEAD = ("masks", "scores from", "to", "n", "mean score", "mean true Dice")
INTERVALS_HEAD = ("masks", "n", "in the interval", "mean width", "MAE raw", "MAE calibrated")


def goal_rows(evidence: Evidence) -> Iterator[Row]:
    """What was requested, aimed at, measured of all patients, and of each scan (`GOALS_HEAD` and the
    scans)."""
    for one in measured(evidence):
        goal, percent = one.goal, "%" in one.goal.requested
        cases = (_values(values, percent) for values in one.cases.values())
        numbers = _values(one.pooled, percent), goal.reached(one.pooled), _values(one.shown, percent)
        yield goal.name, goal.requested, goal.aim, *numbers, *cases


def compared_rows(methods: Mapping[str, Tables]) -> Iterator[Row]:
    """The methods on the same masks, with intervals over patients (`COMPARED_HEAD`)."""
    for suite in AGREEMENTS:
        for method, tables in methods.items():
            if suite in tables:
                table = _scored(tables[suite])
                best = table.loc[table["dice"] > GOOD, RAW]
                yield suite, method, len(table), *_with_intervals(table, _COMPARED), _number(best.mean())


def case_rows(tables: Tables) -> Iterator[Row]:
    """Each scan of each patient by itself, and all together (`CASES_HEAD`)."""
    for suite in AGREEMENTS:
        if suite in tables:
            table = _scored(tables[suite])
            for case, part in table.groupby("case", sort=True):
                yield suite, part["patient"].iloc[0], case, *_case_figures(part)
            yield suite, "all", "all", *_case_figures(table)


def organ_rows(table: pd.DataFrame | None) -> Iterator[Row]:
    """Each structure, with intervals over patients; then the rare ones together (`ORGANS_HEAD`)."""
    if table is None:
        return
    table = _scored(table)
    structures = table["structure"].to_numpy(str)
    _, place, counts = np.unique(structures, return_inverse=True, return_counts=True)
    often = counts[place] >= LEAST_IN_GROUP
    for name, part in where(table, often).groupby("structure", sort=True):
        yield name, *_organ_figures(part)
    if not often.all():
        yield f"all with fewer than {LEAST_IN_GROUP} masks", *_organ_figures(where(table, ~often))


def kind_rows(table: pd.DataFrame) -> Iterator[Row]:
    """The kinds of degraded masks (`KINDS_HEAD`)."""
    for kind, part in _scored(table).groupby("kind", sort=True):
        error = np.abs(part[RAW] - part["dice"]).mean()
        yield kind, len(part), *_means(part), _number(error)


def bin_rows(tables: Tables) -> Iterator[Row]:
    """The numbers of the reliability plot, raw scores (`BINS_HEAD`)."""
    for suite in AGREEMENTS:
        if suite in tables:
            for one in calibration_bins(*_arrays(_scored(tables[suite]))):
                yield (
                    suite,
                    *map(_number, (one.low, one.high)),
                    one.n,
                    _number(one.predicted),
                    _number(one.truth),
                )


def interval_rows(tables: Tables) -> Iterator[Row]:
    """How often the intervals of the other patients' tables hold (`INTERVALS_HEAD`)."""
    for suite in AGREEMENTS:
        if suite in tables and np.isfinite(tables[suite][LOW]).any():
            table = tables[suite].dropna(subset=[LOW])
            low, high, truth = (table[name].to_numpy(float) for name in (LOW, HIGH, "dice"))
            errors = [float((table[name] - table["dice"]).abs().mean()) for name in (RAW, SHOWN)]
            shares = f"{coverage(low, high, truth):.1%}", _number(mean_width(low, high))
            yield suite, len(table), *shares, *map(_number, errors)


def markdown(head: Row, rows: Iterable[Row]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _case_figures(table: pd.DataFrame) -> Row:
    low, high, truth = (table[name].to_numpy(float) for name in (LOW, HIGH, "dice"))
    there = np.isfinite(low)
    held = f"{coverage(low[there], high[there], truth[there]):.1%}" if there.any() else ""
    figures = map(_number, compute(*_arrays(table), _COMPARED))
    return len(table), *_means(table), *figures, held


def _organ_figures(table: pd.DataFrame) -> Row:
    lcc = compute(*_arrays(table), (metric_named("lcc"),))[0]
    patients = table["patient"].nunique()
    return patients, len(table), *_means(table), _number(lcc), *_with_intervals(table, _BY_ORGAN)


def _with_intervals(table: pd.DataFrame, metrics: Sequence[Metric]) -> list[str]:
    predicted, truth = _arrays(table)
    values = compute(predicted, truth, metrics)
    names, place = np.unique(table["patient"].to_numpy(str), return_inverse=True)
    known: dict[bytes, np.ndarray] = {}

    def figures(rows: np.ndarray) -> np.ndarray:
        # Few patients: the same ones are drawn again and again.
        drawn = np.bincount(place[rows], minlength=len(names)).tobytes()
        if drawn not in known:
            known[drawn] = compute(predicted[rows], truth[rows], metrics)
        return known[drawn]

    replicates = resample_patients(names[place], figures)
    if not replicates.size:
        return [_number(value) for value in values]
    return [
        f"{_number(value)} ({_number(low)} to {_number(high)})" if np.isfinite(low) else _number(value)
        for value, (low, high) in zip(values, percentile_interval(replicates), strict=True)
    ]


def _means(table: pd.DataFrame) -> tuple[str, str]:
    return _number(table["dice"].mean()), _number(table[RAW].mean())


def _scored(table: pd.DataFrame) -> pd.DataFrame:
    return where(table, np.isfinite(table[RAW].to_numpy(float)))


def _arrays(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return table[RAW].to_numpy(float), table["dice"].to_numpy(float)


def _values(values: Sequence[float], percent: bool) -> str:
    """Several figures in one cell; nothing when none was measured."""
    if not np.isfinite(values).any():
        return ""
    return " / ".join(
        f"{value:.1%}" if percent and np.isfinite(value) else _number(value) for value in values
    )


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "-"
