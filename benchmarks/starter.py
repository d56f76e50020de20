"""The figures that the starter model was asked to reach, from one run, leave-one-patient-out.

    python benchmarks/starter.py --data DATA --work WORK

`DATA` holds a folder per scan (ct.nii.gz, labels_dap.nii.gz) and `WORK` what `segae-train starter` leaves
there; what is missing is trained first, which takes hours. `--model` adds the figures of a finished model
file. Everything is printed as it was measured, the single scans beside all patients together.
"""

from __future__ import annotations

import platform
from pathlib import Path

import torch
from rich import box
from rich.console import Console
from rich.table import Table
from trained_folds import parser

from segae.models.quality_model import QualityModel
from segae_trainer.starter.asked import Evidence
from segae_trainer.starter.baselines import METHODS, baseline_tables
from segae_trainer.starter.calibration import with_unseen_calibration
from segae_trainer.starter.card_tables import ASKED_HEAD, COMPARED_HEAD, asked_rows, compared_rows
from segae_trainer.starter.cohort import DEFAULT, read_cohort
from segae_trainer.starter.figures import MILLISECONDS, milliseconds, other_masks
from segae_trainer.starter.plan import Plan
from segae_trainer.starter.recipe import POOLS, run_stages
from segae_trainer.starter.results import read_tables
from segae_trainer.starter.stages import trained_rows

WIDTH = 220


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--cohort", type=Path, default=DEFAULT)
    asked.add_argument("--model", help="a finished model, or the name of a bundled one")
    asked.add_argument("--baselines", action="store_true", help="make the tables of other methods, too")
    arguments = asked.parse_args()
    torch.set_num_threads(arguments.threads)
    cohort = read_cohort(arguments.cohort)
    plan = Plan(cohort, arguments.data, arguments.work, workers=arguments.threads)
    console = Console(width=WIDTH)
    if missing(plan):
        run_stages(plan, missing(plan), Path(), Path(), say=console.print)
    tables = with_unseen_calibration(read_tables(plan, plan.folds))
    evidence = Evidence(tables, of_model(arguments.model, plan) if arguments.model else {})
    console.print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {platform.machine()}")
    console.print(shown((*ASKED_HEAD, *evidence.cases), asked_rows(evidence)))
    if arguments.baselines:
        for fold in plan.folds:
            baseline_tables(plan, fold, trained_rows(plan, fold))
    others = {method: read_tables(plan, plan.folds, method) for method in METHODS}
    console.print(shown(COMPARED_HEAD, compared_rows({plan.spec.name: tables, **others})))


def missing(plan: Plan) -> list[str]:
    """The stages that the folds' figures still need."""
    folds = [fold for fold in plan.folds if not (plan.folder(fold) / "figures.json").is_file()]
    return [POOLS, *folds] if folds else []


def of_model(name: str, plan: Plan) -> dict[str, float]:
    """Mean scores of the masks that nothing is learned from, and the speed here."""
    model = QualityModel.load(name)
    return {**other_masks(model, plan), MILLISECONDS: milliseconds(model)}


def shown(head, rows) -> Table:
    table = Table(*head, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*map(str, row))
    return table


if __name__ == "__main__":
    main()
