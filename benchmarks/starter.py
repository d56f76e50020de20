"""The figures of a cohort's folds beside those requested, leave-one-patient-out.

    python benchmarks/starter.py --data DATA --work WORK [--fold fold-A] [--baselines]

`DATA` holds a folder per scan (ct.nii.gz, labels_dap.nii.gz) and `WORK` what `segae-train starter` leaves
there; what is missing is trained first, which takes hours. Everything is printed as it was measured, the
single scans beside all patients together.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence

import pandas as pd
import torch
from rich import box
from rich.console import Console
from rich.table import Table
from trained_folds import parser, steps

from segae_trainer.cli.folds import CALIBRATED
from segae_trainer.evaluate.calibration import with_unseen_calibration
from segae_trainer.evaluate.card import COMPARED_HEAD, GOALS_HEAD, compared_rows, goal_rows
from segae_trainer.evaluate.goals import Evidence

WIDTH = 220


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--fold", action="append", help="only this one")
    arguments.add_argument("--baselines", action="store_true", help="other methods too")
    chosen = arguments.parse_args()
    torch.set_num_threads(chosen.threads)
    work, console = steps(chosen), Console(width=WIDTH)
    folds = chosen.fold or work.plan.folds
    tables = joined([work.test(fold) for fold in folds])
    shown = with_unseen_calibration(tables, CALIBRATED)
    evidence = Evidence(shown)
    console.print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {platform.machine()}")
    console.print(printed((*GOALS_HEAD, *evidence.cases), goal_rows(evidence)))
    others = [work.baselines(fold) for fold in folds] if chosen.baselines else []
    names = dict.fromkeys(name for one in others for name in one)
    methods = {name: joined([one[name] for one in others]) for name in names}
    console.print(printed(COMPARED_HEAD, compared_rows({work.plan.name: shown, **methods})))


def joined(parts: Sequence) -> dict[str, pd.DataFrame]:
    """The tables of several folds, one below the other."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {
        name: pd.concat([part[name] for part in parts if name in part], ignore_index=True) for name in names
    }


def printed(head: Sequence[object], rows: Iterable[Sequence[object]]) -> Table:
    table = Table(*map(str, head), box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*map(str, row))
    return table


if __name__ == "__main__":
    main()
