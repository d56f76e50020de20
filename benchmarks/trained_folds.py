"""What the benchmarks of a cohort's folds share: arguments, and the plan that they follow."""

from __future__ import annotations

import argparse
from pathlib import Path

from segae.progress import Watch
from segae_trainer.cli.folds import FoldPlan, Steps
from segae_trainer.data.cohort import DEFAULT, read_cohort
from segae_trainer.train.settings import Machine


def parser(doc: str | None) -> argparse.ArgumentParser:
    """For a script with the docstring `doc`: the scans, the work folder of `segae-train starter`, threads."""
    result = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--data", type=Path, required=True)
    result.add_argument("--work", type=Path, required=True)
    result.add_argument("--cohort", type=Path, default=DEFAULT)
    result.add_argument("--threads", type=int, default=2)
    return result


def steps(arguments: argparse.Namespace) -> Steps:
    """The steps of the cohort in `arguments`; what lies in the work folder is not done again."""
    machine = Machine(device="cpu", workers=arguments.threads)
    plan = FoldPlan(read_cohort(arguments.cohort), arguments.data, arguments.work, machine=machine)
    return Steps(plan, Watch(), print)
