"""Writes the numbers of the product as it is now.

    python Testing/frozen/freeze.py [NAME ...]

NAME: of `NUMBERS`, all when none is given. Each becomes `Testing/frozen/data/<name>.json`. Do this only when
a number is meant to change, and say in the commit which and why.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
for _folder in ("SegAETrainer", "SegAE", "Testing"):
    if str(ROOT / _folder) not in sys.path:
        sys.path.append(str(ROOT / _folder))

from frozen.tables import MACHINE, Table, machine, save  # noqa: E402

# name -> module and function; a module whose part of the product is gone hinders no other.
NUMBERS: Mapping[str, tuple[str, str]] = {
    "score": ("scoring_numbers", "score_numbers"),
    "batch": ("scoring_numbers", "batch_numbers"),
    "names": ("scoring_numbers", "name_numbers"),
    "recipes": ("training_numbers", "recipe_numbers"),
    "intervals": ("training_numbers", "interval_numbers"),
    "starter_pool": ("starter_numbers", "pool_numbers"),
    "starter_steps": ("starter_numbers", "step_numbers"),
    "starter_objective": ("starter_numbers", "objective_numbers"),
}


def compute(name: str, folder: Path) -> dict[str, Table]:
    """Numbers by name, on one thread; `folder` is empty and for what is written on the way."""
    module, function = NUMBERS[name]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {MACHINE: machine(), **getattr(import_module(f"frozen.{module}"), function)(folder)}
    finally:
        torch.set_num_threads(threads)


def main(names: list[str]) -> None:
    for name in names or NUMBERS:
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            path = save(compute(name, Path(folder)), name)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} KB, {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
