"""The demonstration model from data to file, in stages that can be stopped and taken up again.

The work folder holds `names.safetensors`, `pools/`, and a folder per training with `run.pt`, `loss.csv` and
`figures.json`. A stage whose results lie there is not done again.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segae.errors import InputError
from segae.models.checkpoint import Checkpoint, save_checkpoint
from segae.models.spec import CropRule, ModelSpec
from segae.progress import Watch
from segae.whole_file import whole_file
from segae_trainer.demo.card import LIMITS, model_card
from segae_trainer.demo.evaluation import evaluate_degraded, evaluate_prediction, mean_scores
from segae_trainer.demo.pool import AS_IT_IS, Pool, Rendering, concatenate, load_pool, render_case, save_pool
from segae_trainer.demo.training import Recipe, finished, train
from segae_trainer.starter.cohort import Cohort, Member
from segae_trainer.starter.pairs import KINDS
from segae_trainer.starter.results import FIGURES, read_figures, rounded
from segae_trainer.starter.stages import text_vectors
from segae_trainer.text_vectors import ENCODER

SPEC = ModelSpec(
    name="segae-demo",
    architecture="segae-published",
    backbone="resnet18",
    text_dim=384,
    input_size=128,
    crop=CropRule("context", scale=1.35, millimetres=70.0),
    demonstration=True,
    licence="Apache-2.0",
    description="Demonstration model: three patients, for trying SegAE out, not for decisions about data.",
)
COHORT = Path(__file__).with_name("cohort.csv")
POOLS, FINAL, EXPORT = "pools", "final", "export"
SUITE_SEED = 1  # added to the seed: suites are not the pairs trained on


@dataclass(frozen=True)
class Plan:
    """Where things lie and how much work to do. `recipe` is the final model's; a fold takes `fold_share`
    of it."""

    cohort: Cohort
    data: Path
    work: Path
    spec: ModelSpec = SPEC
    recipe: Recipe = field(default_factory=Recipe)
    fold_share: float = 6 / 13
    rendering: Rendering = field(default_factory=Rendering)
    coarse_repeats: int = 4
    workers: int = 1


def render_pools(plan: Plan, watch: Watch | None = None) -> None:
    """The training pools of each case, as it is and on coarser pixels, and the test suite of those that are
    tested."""
    for member in plan.cohort.training():
        wanted = [(_pool_path(plan, member), plan.rendering, plan.recipe.seed)]
        if member.use == "folds":
            wanted.append((_suite_path(plan, member), AS_IT_IS, plan.recipe.seed + SUITE_SEED))
        if member.coarse:
            coarse = replace(plan.rendering, repeats=plan.coarse_repeats, coarse=True)
            wanted.append((_coarse_path(plan, member), coarse, plan.recipe.seed))
        missing = [item for item in wanted if not item[0].is_file()]
        case = member.read(plan.data) if missing else None
        for path, rendering, seed in missing:
            assert case is not None
            save_pool(render_case(case, plan.spec, rendering, seed, workers=plan.workers, watch=watch), path)


def train_fold(plan: Plan, patient: str, watch: Watch | None = None) -> Mapping[str, Any]:
    """Train without `patient`, test on it and on the cases that are never learned from; returns the
    figures."""
    recipe = plan.recipe.shortened(plan.fold_share)
    return _trained(plan, f"fold-{patient}", patient, recipe, plan.cohort.of_patient(patient), watch)


def train_final(plan: Plan, watch: Watch | None = None) -> Mapping[str, Any]:
    """Train on all patients; its figures on patients it has seen are marked by the name "seen"."""
    return _trained(plan, FINAL, None, plan.recipe, (), watch)


def export(plan: Plan, model: Path, card: Path) -> None:
    """Write the final model and its card. Raises `InputError` when a training is not finished."""
    results = {name: read_figures(plan.work / name / FIGURES) for name in _training_names(plan)}
    training = finished(plan.spec, plan.recipe, text_vectors(plan.work), plan.work / FINAL)
    spec = replace(
        plan.spec,
        training={
            "cases": [asdict(member) for member in plan.cohort.training()],
            "recipe": asdict(plan.recipe) | {"fold_share": plan.fold_share},
            "rendering": asdict(plan.rendering) | {"coarse_repeats": plan.coarse_repeats},
            "name_vectors": ENCODER,
            "versions": {"python": platform.python_version(), "torch": torch.__version__},
        },
        figures=results,
        limits=LIMITS,
    )
    vectors = training.text_vectors.clone()
    for row in set(range(len(vectors))) - _trained_structures(plan, None):
        vectors[row] = float("nan")  # scores under a name that was never trained mean nothing: give none
    save_checkpoint(Checkpoint(spec, training.weights, vectors), model)
    with whole_file(card) as stream:
        stream.write(model_card(spec).encode())


def stages(plan: Plan) -> tuple[str, ...]:
    """Names of the stages in their order."""
    return (POOLS, *_training_names(plan), EXPORT)


def run_stages(
    plan: Plan,
    wanted: Sequence[str],
    model: Path,
    card: Path,
    *,
    say: Callable[[str], None],
    watch: Watch | None = None,
) -> None:
    """The stages called `wanted`, or all of them. Raises `InputError` for a name that is none."""
    for name in wanted:
        if name not in stages(plan):
            raise InputError(f'"{name}" is no stage of this cohort; choose from {", ".join(stages(plan))}.')
    for name in stages(plan):
        if wanted and name not in wanted:
            continue
        say(f"stage {name}")
        if name == POOLS:
            render_pools(plan, watch)
        elif name == EXPORT:
            export(plan, model, card)
        elif name == FINAL:
            train_final(plan, watch)
        else:
            train_fold(plan, name.removeprefix("fold-"), watch)


def _training_names(plan: Plan) -> tuple[str, ...]:
    return (*(f"fold-{patient}" for patient in plan.cohort.fold_patients), FINAL)


def _trained(
    plan: Plan,
    name: str,
    kept_back: str | None,
    recipe: Recipe,
    tested: tuple[Member, ...],
    watch: Watch | None,
) -> Mapping[str, Any]:
    path = plan.work / name / "figures.json"
    if path.is_file():
        return read_figures(path.parent / FIGURES)
    checkpoint = _train(plan, name, kept_back, recipe, watch)
    figures: dict[str, Any] = {"steps": recipe.steps}
    trained = _trained_structures(plan, kept_back)
    if kept_back:
        suite = concatenate(load_pool(_suite_path(plan, member)) for member in tested)
        figures["degraded"] = evaluate_degraded(checkpoint, suite, trained)
    for member in tested or plan.cohort.training():
        case = member.read(plan.data)
        for label, prediction in case.predictions.items():
            known = "" if tested else ", seen"
            figures[f"{label} against full{known}"] = evaluate_prediction(
                checkpoint, case, prediction, trained
            )
    figures["masks"] = {}
    for member in plan.cohort.test:
        figures["masks"] |= mean_scores(checkpoint, member.read(plan.data), trained)
    with whole_file(path) as stream:
        stream.write(json.dumps(rounded(figures), indent=1).encode())
    return read_figures(path.parent / FIGURES)


def _train(plan: Plan, name: str, kept_back: str | None, recipe: Recipe, watch: Watch | None) -> Checkpoint:
    members = plan.cohort.training(kept_back)
    paths = [_pool_path(plan, member) for member in members]
    paths += [_coarse_path(plan, member) for member in members if member.coarse]
    pool = concatenate(_stored_pool(path) for path in paths)
    return train(pool, plan.spec, recipe, text_vectors(plan.work), plan.work / name, watch=watch)


def _trained_structures(plan: Plan, kept_back: str | None) -> set[int]:
    """The structures whose masks a training has seen under their own name."""
    pools = (_stored_pool(_pool_path(plan, member)) for member in plan.cohort.training(kept_back))
    wrong = KINDS.index("wrong name")
    return {int(s) for pool in pools for s in np.unique(pool.structures[pool.kinds != wrong])}


def _stored_pool(path: Path) -> Pool:
    if not path.is_file():
        raise InputError(f'There is no "{path}"; run the stage "pools" first.')
    return load_pool(path)


def _pool_path(plan: Plan, member: Member) -> Path:
    return plan.work / "pools" / f"{member.case}.npz"


def _coarse_path(plan: Plan, member: Member) -> Path:
    return plan.work / "pools" / f"{member.case}-coarse.npz"


def _suite_path(plan: Plan, member: Member) -> Path:
    return plan.work / "pools" / f"{member.case}-suite.npz"
