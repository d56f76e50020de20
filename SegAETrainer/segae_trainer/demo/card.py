"""The model card: `card.md` filled in from what the model file says about itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from segae.labels.table import load_structures
from segae.models.spec import ModelSpec
from segae_trainer.demo.pool import COARSEST_MM, SHARES
from segae_trainer.starter.pairs import KINDS

LIMITS = (
    "It has learned from three patients, whose label maps are network output themselves.",
    "It is no basis for a decision about data or patients: it shows what SegAE does.",
    "Levels of vertebrae and ribs cannot be told in one axial slice: a right mask may score high under the "
    "name next to it.",
    "It gives no score for names that no training case has: such scores would mean nothing (see the suite).",
    "A missing part can go unnoticed: on the bundled sample a liver without its right half scores as high "
    "as the whole one.",
    "CT only; head, neck, arms and legs below the hips were never seen; lungs only in a soft-tissue window.",
    "Degraded masks flatter: masks of real segmentation networks are harder than the suite.",
)
# What counts as not working, fixed before the figures were known.
LEAST_EXACT_SCORE, LEAST_NAME_AUROC, LEAST_SUITE_LCC, LEAST_REAL_LCC = 0.85, 0.8, 0.7, 0.5

Row = Sequence[object]
Figures = Mapping[str, Any]


def model_card(spec: ModelSpec) -> str:
    """Markdown: use, data, training, figures, limits. Every number comes from `spec`."""
    # A file keeps no order: the folds first, whose patients were not seen.
    figures = dict(sorted(spec.figures.items(), key=lambda item: ("degraded" not in item[1], item[0])))
    folds = [name for name, results in figures.items() if "degraded" in results]
    kind_head = ("kind", *(f"{fold}: {column}" for fold in folds for column in ("n", "true", "predicted")))
    rendering = spec.training["rendering"]
    return (
        Path(__file__)
        .with_name("card.md")
        .read_text(encoding="utf-8")
        .format(
            name=spec.name,
            description=spec.description,
            licence=spec.licence,
            properties=_table(("property", "value"), _properties(spec)),
            cases=_table(("case", "patient", "use", "structures left out", "coarser too"), _cases(spec)),
            repeats=rendering["repeats"],
            coarse_repeats=rendering["coarse_repeats"],
            coarsest=COARSEST_MM,
            synthetic=rendering["synthetic"],
            shares=", ".join(f"{kind} {share:.1%}" for kind, share in SHARES.items()),
            agreement=_table(
                ("test", "n", "LCC", "Spearman", "MAE", "bias", "AUROC"), _agreement(figures)
            ),
            kinds=_table(kind_head, _kinds(figures, folds)),
            masks=_table(("model", "mask", "slices", "true Dice", "predicted"), _named_masks(figures)),
            limits="\n".join(f"- {limit}" for limit in (*spec.limits, *_shortcomings(figures))),
        )
    )


def _properties(spec: ModelSpec) -> Iterable[Row]:
    recipe = spec.training["recipe"]
    windows = ", ".join(f"{low:g}..{high:g}" for low, high in spec.hu_windows)
    yield "architecture", f"{spec.architecture}, {spec.backbone}"
    yield "input", f"{spec.input_size} x {spec.input_size}: CT {windows} HU, mask; {spec.orientation}"
    yield "window", f"{spec.crop.scale} x the mask's longer side + {spec.crop.millimetres:g} mm"
    yield "name vectors", f"{spec.training['name_vectors']}, centred and spread, {spec.text_dim} numbers"
    yield "target", "Dice of the whole slice"
    yield "loss", f"squared error + {recipe['ranking']} x ranking of pairs within the batch"
    yield "optimiser", f"AdamW {recipe['learning_rate']}, weight decay {recipe['weight_decay']}, cosine"
    yield "steps", f"{recipe['small_steps']} on half-size pictures, then {recipe['full_steps']} on whole ones"
    yield "pairs a step", recipe["batch"]
    yield "a fold's steps", f"{recipe['fold_share']:.0%} of these"
    yield "weights", "float16"
    yield "seed", recipe["seed"]


def _cases(spec: ModelSpec) -> Iterable[Row]:
    for case in spec.training["cases"]:
        yield (
            case["case"],
            case["patient"],
            case["use"],
            ", ".join(case["leave_out"]) or "-",
            "yes" if case["coarse"] else "no",
        )


def _agreement(figures: Figures) -> Iterable[Row]:
    for fold, results in figures.items():
        for test in ("suite", "suite, all names", "names"):
            if "degraded" in results:
                yield _agreement_row(f"{fold}: {test}", results["degraded"][test])
        for name, result in _against(results):
            for level in ("slices", "structures"):
                yield _agreement_row(f"{fold}: {name}, {level}", result[level])


def _agreement_row(name: str, result: Figures) -> Row:
    return (name, *(result.get(key, "") for key in ("n", "lcc", "spearman", "mae", "bias", "auroc")))


def _against(results: Figures) -> Iterable[tuple[str, Figures]]:
    return ((name, result) for name, result in results.items() if "against" in name)


def _kinds(figures: Figures, folds: Sequence[str]) -> Iterable[Row]:
    tables = [figures[fold]["degraded"] for fold in folds]
    for kind in KINDS:
        if any(kind in table for table in tables):
            found = (table.get(kind, {}) for table in tables)
            yield (kind, *(row.get(key, "") for row in found for key in ("n", "true", "predicted")))


def _named_masks(figures: Figures) -> Iterable[Row]:
    table = load_structures()
    for fold, results in figures.items():
        for name, result in results.get("masks", {}).items():
            case, state, index = name.rsplit(" ", 2)
            mask = f"{state} {table[int(index)].name} of {case}"
            yield fold, mask, result["n"], result["true"], result["predicted"]


def _shortcomings(figures: Figures) -> Iterable[str]:
    """What the figures show not to work, in words."""
    for fold, results in figures.items():
        suite = results.get("degraded")
        if suite and suite["exact"]["predicted"] < LEAST_EXACT_SCORE:
            yield f"{fold}: exact masks (true Dice 1) score only {suite['exact']['predicted']} on average."
        if suite and suite["names"]["auroc"] < LEAST_NAME_AUROC:
            yield f"{fold}: a wrong name is found with an AUROC of only {suite['names']['auroc']}."
        if suite and suite["suite"]["lcc"] < LEAST_SUITE_LCC:
            yield f"{fold}: the linear correlation on degraded masks is only {suite['suite']['lcc']}."
        for name, result in _against(results):
            if (result["slices"]["lcc"] or 0) < LEAST_REAL_LCC:
                yield f"{fold}, {name}: the linear correlation by slice is only {result['slices']['lcc']}."


def _table(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: object) -> str:
    if value is None:
        return "not defined"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
