"""The model card: `card.md` filled in from what was measured on patients that the folds had not seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from segae.files import whole_file
from segae.models.spec import ModelSpec
from segae_trainer.starter import card_tables as tables_of_card
from segae_trainer.starter.asked import Evidence
from segae_trainer.starter.calibration import with_unseen_calibration
from segae_trainer.starter.card_tables import Row, markdown
from segae_trainer.starter.card_words import LIMITS, NOT_FOR, TRIED, source_of
from segae_trainer.starter.pairs import SHARES
from segae_trainer.starter.reliability import draw_reliability
from segae_trainer.starter.rendering import COARSEST_MM
from segae_trainer.starter.training import OFTEN

if TYPE_CHECKING:
    import pandas as pd

    Tables = Mapping[str, pd.DataFrame]

__all__ = ["LIMITS", "model_card", "write_card"]


def write_card(
    path: Path, spec: ModelSpec, tables: Tables, baselines: Mapping[str, Tables] | None = None
) -> None:
    """The card, and beside it the reliability plot, a PNG of the same name."""
    tables, picture = with_unseen_calibration(tables), path.with_suffix(".png")
    draw_reliability(tables, picture)
    with whole_file(path) as stream:
        stream.write(model_card(spec, tables, baselines or {}, picture.name).encode())


def model_card(spec: ModelSpec, tables: Tables, baselines: Mapping[str, Tables], picture: str) -> str:
    """Markdown. `tables` of the folds with calibration (`with_unseen_calibration`); `baselines`: the tables
    of other methods on the same masks, by name; `picture`: the reliability plot's name."""
    evidence = Evidence(tables, spec.figures.get("final", {}))
    cards, head = tables_of_card, tables_of_card.ASKED_HEAD
    return (
        Path(__file__)
        .with_name("card.md")
        .read_text(encoding="utf-8")
        .format(
            name=spec.name,
            description=spec.description,
            licence=spec.licence,
            properties=markdown(("property", "value"), _properties(spec)),
            cases=markdown(
                ("scan", "patient", "use", "structures left out", "larger pixels too", "from", "licence"),
                _cases(spec),
            ),
            often=", ".join(f"{kind} {times:g}" for kind, times in OFTEN.items()),
            pairs=", ".join(f"{kind} {share:.0%}" for kind, share in SHARES.items()),
            not_for=_list(NOT_FOR),
            asked=markdown((*head, *evidence.cases), cards.asked_rows(evidence)),
            compared=markdown(cards.COMPARED_HEAD, cards.compared_rows({spec.name: tables, **baselines})),
            by_case=markdown(cards.CASES_HEAD, cards.case_rows(tables)),
            by_organ=markdown(cards.ORGANS_HEAD, cards.organ_rows(tables.get("network"))),
            by_kind=markdown(cards.KINDS_HEAD, cards.kind_rows(tables["synthetic"])),
            intervals=markdown(cards.INTERVALS_HEAD, cards.interval_rows(tables)),
            bins=markdown(cards.BINS_HEAD, cards.bin_rows(tables)),
            picture=picture,
            limits=_list(spec.limits),
            tried=_list(TRIED) if TRIED else "Nothing is recorded.",
        )
    )


def _properties(spec: ModelSpec) -> Iterable[Row]:
    recipe, segmenter = spec.training["recipe"], spec.training["segmenter"]
    windows = ", ".join(f"{low:g}..{high:g}" for low, high in spec.input.hu_windows)
    slices = ", ".join(f"{mm:+g}" for mm in spec.input.neighbours_mm)
    yield "architecture", f"{spec.architecture}, {spec.backbone}"
    yield (
        "input",
        f"{spec.input.size} x {spec.input.size} pixels, CT {windows} HU, {spec.input.orientation}, the mask",
    )
    yield "neighbouring slices", f"{slices} mm" if slices else "none"
    yield "window", f"{spec.input.crop.scale} x the mask's longer side + {spec.input.crop.millimetres:g} mm"
    view = spec.input.context_view
    around = f"CT in {view:g} times the window's length" if view else "not shown"
    yield "surroundings", around
    yield "place in the body", "told to the network" if spec.input.position_features else "not told"
    yield "name vectors", f"{spec.training['name_vectors']}, {spec.text_dim} numbers"
    yield "names trained on", len(spec.trained_labels)
    yield "steps", f"{recipe['small_steps']} on pictures of half the size, then {recipe['full_steps']}"
    yield "steps of a fold", f"{recipe['fold_share']:.0%} of these"
    yield "pairs a step", f"{recipe['small_batch']}, then {recipe['full_batch']}"
    yield (
        "masks of networks",
        f"{recipe['real']:.0%} of the pairs, taken at steps {_steps(segmenter['kept'])}",
    )
    yield "precision of the training", "bfloat16" if recipe["bfloat16"] else "float32"
    yield "optimiser", f"AdamW {recipe['learning_rate']}, weight decay {recipe['weight_decay']}"
    yield "weights", f"moving average ({recipe['average']}), float16"
    yield "larger pixels", f"up to {COARSEST_MM} mm"
    yield "seed", recipe["seed"]


def _cases(spec: ModelSpec) -> Iterable[Row]:
    for case in spec.training["cases"]:
        left_out, coarse = ", ".join(case["leave_out"]) or "-", "yes" if case["coarse"] else "no"
        yield case["case"], case["patient"], case["use"], left_out, coarse, *source_of(case["case"])


def _steps(steps: Iterable[int]) -> str:
    return ", ".join(map(str, steps))


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
