"""What parts of the starter model are worth, on one patient that none of the trainings has seen.

    python benchmarks/ablations.py --data DATA --work WORK [--fold fold-A] [--steps 500] [--only NAME]

Short trainings on pictures of half the size, alike but for one thing each, on the pools that `segae-train
starter` leaves in `WORK` (its stage "pools" and the fold's). They are tested on the degraded masks of the
patient kept back and on masks of small networks (the final training's cross-fitted ones, which the fold has
not seen). Two seeds of the whole show what is noise. Predictions are kept in `WORK/ablations`, so that a run
can be stopped and taken up again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from rich import box
from rich.console import Console
from rich.table import Table
from torch.nn import functional
from trained_folds import parser

from segae.inputs.position import PLACE_FEATURES
from segae.models.spec import ModelSpec
from segae_trainer.evaluate.metrics import lcc, mae
from segae_trainer.starter.cohort import read_cohort
from segae_trainer.starter.figures import name_auroc, suites_of
from segae_trainer.starter.pairs import KINDS
from segae_trainer.starter.plan import FINAL, SPEC, Plan
from segae_trainer.starter.pool import Pool, Pools, read_pool, subset
from segae_trainer.starter.stages import text_vectors, trained_rows, training_pools
from segae_trainer.starter.tables import where
from segae_trainer.starter.training import Recipe, Run
from segae_trainer.starter.views import centre_views

EVERY = 2  # every second test pair is enough
_BATCH = 64


def as_it_is(pool: Pool) -> Pool:
    return pool


def without_neighbours(pool: Pool) -> Pool:
    """The slice itself stands where its neighbours were."""
    images = pool.images.copy()
    images[:, 1:-3] = images[:, :1]
    return replace(pool, images=images)


def without_profile(pool: Pool) -> Pool:
    """No lung, bone and body size of the slices above and below."""
    return replace(pool, context=np.where(np.arange(pool.context.shape[1]) < PLACE_FEATURES, pool.context, 0))


def without_place(pool: Pool) -> Pool:
    """Neither that nor the place within the body's outline; the window's size stays."""
    return replace(pool, context=np.where(np.arange(pool.context.shape[1]) < 2, pool.context, 0))


def without_surroundings(pool: Pool) -> Pool:
    """What lies round the window is not shown."""
    return replace(pool, images=np.delete(pool.images, -3, axis=1))


@dataclass(frozen=True)
class Variant:
    """What differs from the model that ships."""

    change: Callable[[Pool], Pool] = as_it_is
    seed: int = Recipe.seed
    spec: dict[str, Any] = field(default_factory=dict)
    input: dict[str, Any] = field(default_factory=dict)
    real: float = Recipe.real


VARIANTS = {
    "everything": Variant(),
    "everything, other seed": Variant(seed=1),
    "no neighbouring slices": Variant(without_neighbours),
    "no profile along the body": Variant(without_profile),
    "neither profile nor place": Variant(without_place),
    "no surroundings": Variant(without_surroundings, input={"context_view": 0.0}),
    "no masks of networks": Variant(real=0.0),
    "narrow (0.7 M weights)": Variant(spec={"backbone": "small"}),
    "wide (2.4 M weights)": Variant(spec={"backbone": "wide"}),
}
MEANS = {
    "mean of two seeds": ("everything", "everything, other seed"),
}


class Changed:
    """Pools whose batches are changed."""

    def __init__(self, pools: Pools, change: Callable[[Pool], Pool]) -> None:
        self.kinds, self.targets, self.structures = pools.kinds, pools.targets, pools.structures
        self._pools, self._change = pools, change

    def __len__(self) -> int:
        return len(self._pools)

    def batch(self, index: np.ndarray) -> Pool:
        return self._change(self._pools.batch(index))


def predictions(plan: Plan, fold: str, variant: Variant, steps: int, console: Console) -> np.ndarray:
    """Train, and score all test pairs."""
    spec = replace(SPEC, input=replace(SPEC.input, **variant.input), **variant.spec)
    recipe = Recipe(small_steps=steps, full_steps=0, seed=variant.seed, real=variant.real)
    pools = Changed(training_pools(plan, fold), variant.change)
    run = Run(spec, recipe, text_vectors(plan.work), pools)  # type: ignore[arg-type]
    for step in range(1, steps + 1):
        loss = run.advance()
        if step % 200 == 0:
            console.print(f"  step {step} of {steps}, loss {loss:.2f}")
    run.network.load_state_dict(run.average)
    run.network.eval()
    found = [
        scores(run, spec, variant.change(subset(pool, np.arange(start, min(start + _BATCH, len(pool))))))
        for pool in test_pools(plan, fold)
        for start in range(0, len(pool), _BATCH)
    ]
    return np.concatenate(found)


@torch.inference_mode()
def scores(run: Run, spec: ModelSpec, pairs: Pool) -> np.ndarray:
    view = centre_views(pairs, spec)
    images = functional.avg_pool2d(view.images, 2)
    out = run.network.dense(images, run.text_vectors[view.structures], view.context)
    return ((out.soft_dice + out.scalar) / 2).numpy()


def test_pools(plan: Plan, fold: str) -> list[Pool]:
    names = [name for m in plan.tested(fold) for name in (f"{m.case}-suite", f"{FINAL}-{m.case}")]
    pools = [read_pool(plan.pool(name)) for name in names]
    return [subset(pool, np.arange(0, len(pool), EVERY)) for pool in pools]


def figures(plan: Plan, fold: str, predicted: np.ndarray) -> Iterator[str]:
    """LCC and MAE on degraded masks and on masks of networks, and the AUROC of right against wrong name; of
    the structures that the fold was trained on."""
    pools = test_pools(plan, fold)
    kinds, truth, rows = (
        np.concatenate([getattr(pool, name) for pool in pools]) for name in ("kinds", "targets", "structures")
    )
    pairs = pd.DataFrame(
        {"structure_index": rows, "kind": np.array(KINDS)[kinds], "dice": truth, "predicted": predicted}
    )
    known = trained_rows(plan, fold)
    suites = suites_of(pairs, known)
    networks = where(pairs, pairs["structure_index"].isin(known) & (pairs["kind"] == "real"))
    for suite in (suites["synthetic"], networks):
        scores, dice = suite["predicted"].to_numpy(), suite["dice"].to_numpy()
        yield f"{lcc(scores, dice):.3f}"
        yield f"{mae(scores, dice):.3f}"
    yield f"{name_auroc(suites['names']):.3f}"


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--fold", default="fold-A")
    asked.add_argument("--steps", type=int, default=500)
    asked.add_argument("--only", action="append", choices=VARIANTS, help="train only this one")
    arguments = asked.parse_args()
    torch.set_num_threads(arguments.threads)
    console = Console(width=140)
    plan = Plan(read_cohort(), arguments.data, arguments.work)
    kept = {name: plan.work / "ablations" / f"{name}.npy" for name in VARIANTS}
    for name in arguments.only or VARIANTS:
        if not kept[name].is_file():
            console.print(name)
            predicted = predictions(plan, arguments.fold, VARIANTS[name], arguments.steps, console)
            kept[name].parent.mkdir(exist_ok=True)
            np.save(kept[name], predicted)
    found = {name: np.load(path) for name, path in kept.items() if path.is_file()}
    found |= {
        name: np.mean([found[part] for part in parts], axis=0)
        for name, parts in MEANS.items()
        if all(part in found for part in parts)
    }
    table = Table("", "LCC synthetic", "MAE", "LCC networks", "MAE", "name AUROC", box=box.SIMPLE_HEAD)
    for name, predicted in found.items():
        table.add_row(name, *figures(plan, arguments.fold, predicted))
    console.print(f"{arguments.fold}, {arguments.steps} steps on pictures of half the size")
    console.print(table)


if __name__ == "__main__":
    main()
