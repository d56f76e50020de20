"""The starter model from data to file, in stages that can be stopped and taken up again.

The work folder holds `names.safetensors`, `pools/`, `masks/`, and a folder per training with `run.pt`,
`loss.csv`, `tables/` and `figures.json`. A stage whose results lie there is not done again.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segae.errors import InputError
from segae.files import whole_file
from segae.models.checkpoint import Checkpoint, save_checkpoint
from segae.progress import Watch
from segae.scoring.ood import image_measures, typical_range
from segae_trainer.starter.baselines import METHODS, baseline_tables
from segae_trainer.starter.calibration import points_of
from segae_trainer.starter.card import LIMITS, write_card
from segae_trainer.starter.conformal import fit_intervals
from segae_trainer.starter.figures import MILLISECONDS, loaded, milliseconds, other_masks, summary, tables_of
from segae_trainer.starter.plan import FINAL, Plan
from segae_trainer.starter.pool import Pools
from segae_trainer.starter.results import FIGURES, read_figures, read_tables, rounded, write_tables
from segae_trainer.starter.stages import (
    make_masks,
    render_pools,
    train_network,
    trained_rows,
    training_pools,
)
from segae_trainer.starter.views import centre_views
from segae_trainer.train.text_vectors import ENCODER

POOLS, BASELINES, EXPORT = "pools", "baselines", "export"
_LOOKED_AT = 3000  # pairs that say what training pictures look like


def stages(plan: Plan) -> tuple[str, ...]:
    """Names of the stages in their order."""
    return (POOLS, *plan.trainings, BASELINES, EXPORT)


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
            make_masks(plan, FINAL, watch)  # on which every fold is tested
        elif name == BASELINES:
            for fold in plan.folds:
                baseline_tables(plan, fold, trained_rows(plan, fold), watch)
        elif name == EXPORT:
            export(plan, model, card)
        else:
            make_masks(plan, name, watch)
            train_network(plan, name, watch)
            if name != FINAL:
                test(plan, name, watch)


def test(plan: Plan, training: str, watch: Watch | None = None) -> Mapping[str, Any]:
    """Figures of a fold on the patient that it kept back; its tables stay in the work folder."""
    path = plan.folder(training) / FIGURES
    if path.is_file():
        return read_figures(path)
    model = loaded(train_network(plan, training, watch))
    tables = tables_of(model, plan, training, trained_rows(plan, training))
    write_tables(tables, plan, training)
    with whole_file(path) as stream:
        stream.write(json.dumps(rounded(summary(tables)), indent=1).encode())
    return read_figures(path)


def export(plan: Plan, model: Path, card: Path) -> None:
    """Write the final model, calibrated on the folds' unseen patients, and its card. Raises `InputError` when
    a training is missing."""
    folds = plan.folds
    tables = read_tables(plan, folds)
    done = {name: read_figures(plan.folder(name) / FIGURES) for name in folds}
    trained = train_network(plan, FINAL)
    spec = replace(
        plan.spec,
        trained_labels=trained_rows(plan, FINAL),
        intervals=fit_intervals(points_of(tables)),
        typical=_typical(plan, training_pools(plan, FINAL)),
        training={
            "cases": [asdict(member) for member in plan.cohort.training()],
            "recipe": asdict(plan.recipe) | {"fold_share": plan.fold_share},
            "segmenter": asdict(plan.segmenter),
            "name_vectors": ENCODER,
            "versions": {"python": platform.python_version(), "torch": torch.__version__},
        },
        limits=LIMITS,
    )
    finished = loaded(Checkpoint(spec, trained.weights, trained.text_vectors))
    figures = {
        **done,
        "final": {
            **rounded(other_masks(finished, plan)),
            MILLISECONDS: round(milliseconds(finished), 1),
        },
    }
    spec = replace(spec, figures=figures)
    save_checkpoint(Checkpoint(spec, trained.weights, trained.text_vectors), model)
    write_card(card, spec, tables, {method: read_tables(plan, folds, method) for method in METHODS})


def _typical(plan: Plan, pools: Pools) -> dict[str, Any]:
    chosen = np.random.default_rng(plan.recipe.seed).choice(len(pools), min(_LOOKED_AT, len(pools)), False)
    view = centre_views(pools.batch(np.sort(chosen)), plan.spec)
    return typical_range(image_measures(view.images, plan.spec.input).numpy())
