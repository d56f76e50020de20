"""The model card: `card.md` filled in from predictions on patients that the model was not trained on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segae.errors import InputError
from segae.files import whole_file
from segae.models.spec import ModelSpec
from segae_trainer.data.draw_samples import SHARES
from segae_trainer.evaluate import card_tables as cards
from segae_trainer.evaluate.calibration import CALIBRATED_ON, with_unseen_calibration
from segae_trainer.evaluate.card_tables import AGREEMENTS, Row, markdown
from segae_trainer.evaluate.goals import SECOND, SHOWN, Evidence, SingleMask
from segae_trainer.evaluate.metrics import calibration_bins
from segae_trainer.evaluate.predictions import RAW

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
        goals=markdown((*cards.GOALS_HEAD, *evidence.cases), cards.goal_rows(evidence)),
        compared=markdown(cards.COMPARED_HEAD, cards.compared_rows({spec.name: tables, **baselines})),
        by_case=markdown(cards.CASES_HEAD, cards.case_rows(tables)),
        by_organ=markdown(cards.ORGANS_HEAD, cards.organ_rows(tables.get("network"))),
        by_kind=markdown(cards.KINDS_HEAD, [] if synthetic is None else cards.kind_rows(synthetic)),
        intervals=markdown(cards.INTERVALS_HEAD, cards.interval_rows(tables)),
        bins=markdown(cards.BINS_HEAD, cards.bin_rows(tables)),
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
