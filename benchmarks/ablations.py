"""What parts of the recipe `segae` are worth, on one patient that none of the trainings has seen.

    python benchmarks/ablations.py --data DATA --work WORK [--fold fold-A] [--steps 500] [--only NAME]

Each variant of the recipe is trained for some steps on images of half the size, on the training set of the
fold, and tested on the patient kept back: LCC and MAE of synthetic errors and of masks of small networks, and
how well right names are told from wrong ones (AUROC). Two seeds of the whole recipe show how much is chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from rich import box
from rich.console import Console
from rich.table import Table
from trained_folds import parser, steps

from segae_trainer.cli.folds import Steps, kept_back
from segae_trainer.evaluate.calibration import tables_of
from segae_trainer.evaluate.goals import NAMES, name_auroc
from segae_trainer.evaluate.methods import NetworkMethod
from segae_trainer.evaluate.metrics import lcc, mae
from segae_trainer.evaluate.predictions import RAW
from segae_trainer.train.recipes import SEGAE, Phase, Recipe

VARIANTS: Mapping[str, Recipe] = {
    "everything": SEGAE,
    "another seed": SEGAE,
    "no neighbours": replace(SEGAE, input=replace(SEGAE.input, neighbours_mm=())),
    "no context view": replace(SEGAE, input=replace(SEGAE.input, context_view=0.0)),
    "no position features": replace(SEGAE, input=replace(SEGAE.input, position_features=False)),
    "no masks of networks": replace(SEGAE, real=0.0),
    "no moving average": replace(SEGAE, average=0.0),
    "kinds alike": replace(SEGAE, kind_weights={}),
    "wide network": replace(SEGAE, backbone="wide"),
}
BATCH = 48


def figures(work: Steps, fold: str, name: str, count: int) -> tuple[str, ...]:
    """LCC and MAE of both suites and the AUROC of the name, of one variant."""
    recipe = replace(VARIANTS[name], phases=(Phase(count, BATCH, shrink=2),))
    seeded = Steps(replace(work.plan, seed=work.plan.seed + (name == "another seed")), work.watch, work.say)
    model = seeded.train(fold, recipe, f"ablation-{name.replace(' ', '-')}-{count}")
    method = NetworkMethod(model, "cpu")
    tables = tables_of(method, work.test_set, "test", work.suites(), most=3000, patient=kept_back(fold))
    found = []
    for suite in ("synthetic", "network"):
        table = tables[suite].dropna(subset=[RAW])
        arrays = table[RAW].to_numpy(float), table["dice"].to_numpy(float)
        found.append(f"{lcc(*arrays):.3f} / {mae(*arrays):.3f}")
    return (*found, f"{name_auroc(tables[NAMES]):.3f}")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--fold", default="fold-A")
    arguments.add_argument("--steps", type=int, default=500)
    arguments.add_argument("--only", action="append", choices=list(VARIANTS))
    chosen = arguments.parse_args()
    torch.set_num_threads(chosen.threads)
    table = Table("variant", "synthetic", "network masks", "names", box=box.SIMPLE_HEAD)
    for name in chosen.only or VARIANTS:
        table.add_row(name, *figures(steps(chosen), chosen.fold, name, chosen.steps))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
