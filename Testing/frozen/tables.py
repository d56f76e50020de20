"""Tables of plain values on the disk, and what differs between two of them.

A file is JSON: name of the table -> `columns` and `rows`, a line per row. Floats are rounded to nine digits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

DATA = Path(__file__).with_name("data")
TOLERANCE = 1e-6  # absolute, and of the number itself
ELSEWHERE = 1e-5  # the same on another kind of machine, whose kernels add up in another order
MACHINE = "machine"  # the table that tells where a file was made; nothing is compared with it
# Ends the title of a table whose numbers are the same on one kind of machine only: what comes after a step of
# Adam, which goes as far for a gradient of rounding errors as for a large one.
BOUND = " (bound)"
_DIGITS = 9
_SHOWN = 12  # differences that a failing test lists


@dataclass(frozen=True)
class Table:
    """Named columns, and rows of integers, floats, text, booleans and None."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


Tables = Mapping[str, Table]


def machine() -> Table:
    """What decides in which order sums are added up: torch, its kernels, and the processor."""
    cpu, told = Path("/proc/cpuinfo"), {}
    for line in reversed(cpu.read_text(encoding="utf-8").splitlines() if cpu.is_file() else []):
        name, _, value = line.partition(":")
        told[name.strip()] = value.strip()
    processor = " ".join(told.get(name, "") for name in ("vendor_id", "cpu family", "model"))
    return Table(
        ("torch", "kernels", "processor"),
        ((torch.__version__, torch.backends.cpu.get_cpu_capability(), processor),),
    )


def table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Table:
    """A table of Python's own values, whatever numbers of numpy or torch are in `rows`."""
    return Table(tuple(columns), tuple(tuple(_plain(value) for value in row) for row in rows))


def records(things: Iterable[object], columns: Sequence[str]) -> Table:
    """A row per thing, of the attributes called `columns`."""
    return table(columns, ([getattr(thing, name) for name in columns] for thing in things))


def tensor_sums(tensors: Mapping[str, Tensor]) -> Table:
    """Sum and root of the sum of squares of each tensor, by name."""
    numbers = {name: one.detach().double() for name, one in tensors.items()}
    return table(
        ("tensor", "sum", "norm"), ((name, one.sum(), one.norm()) for name, one in sorted(numbers.items()))
    )


def tensor_norms(tensors: Mapping[str, Tensor]) -> Table:
    """Root of the sum of squares of each tensor; unlike a sum, no difference of large numbers."""
    return table(("tensor", "norm"), ((name, one.double().norm()) for name, one in sorted(tensors.items())))


def gradients_of(network: nn.Module) -> dict[str, Tensor]:
    """The gradient of each parameter by name; 0 where nothing depends on it."""
    return {
        name: torch.zeros_like(one) if one.grad is None else one.grad
        for name, one in network.named_parameters()
    }


def saved_names() -> list[str]:
    """Names of the data files, without their endings."""
    return sorted(path.stem for path in DATA.glob("*.json"))


def save(tables: Tables, name: str) -> Path:
    """Write `data/<name>.json`."""
    parts = []
    for title, one in tables.items():
        rows = ",\n  ".join(json.dumps([_rounded(value) for value in row]) for row in one.rows)
        parts.append(f' {json.dumps(title)}: {{"columns": {json.dumps(one.columns)}, "rows": [\n  {rows}]}}')
    path = DATA / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
    return path


def load(name: str) -> dict[str, Table]:
    """What `save` wrote."""
    content = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return {title: table(one["columns"], one["rows"]) for title, one in content.items()}


def differences(frozen: Table, now: Table, tolerance: float = TOLERANCE) -> list[str]:
    """A line for each of the first differences, and how many there are; empty when the tables agree."""
    if frozen.columns != now.columns:
        return [f"columns were {frozen.columns} and are {now.columns}"]
    found, before, after = [], len(frozen.rows), len(now.rows)
    if before != after:
        found.append(f"rows were {before}, are {after}")
    for place, (old_row, new_row) in enumerate(zip(frozen.rows, now.rows, strict=False)):
        for name, old, new in zip(frozen.columns, old_row, new_row, strict=True):
            if not same(old, new, tolerance):
                found.append(f"row {place} ({old_row[0]!r}), {name}: was {old!r}, is {new!r}")
    return found if len(found) <= _SHOWN else [*found[:_SHOWN], f"... {len(found)} differences"]


def same(frozen: Any, now: Any, tolerance: float = TOLERANCE) -> bool:
    """Floats may differ by `tolerance`, absolute or of the number; all else is compared exactly."""
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (frozen, now))
    if numbers and (isinstance(frozen, float) or isinstance(now, float)):
        both_nan = math.isnan(frozen) and math.isnan(now)
        return both_nan or math.isclose(frozen, now, rel_tol=tolerance, abs_tol=tolerance)
    return type(frozen) is type(now) and frozen == now


def _plain(value: Any) -> Any:
    """Numbers of numpy and torch as Python's own, sequences as text with blanks."""
    if isinstance(value, (tuple, list)):
        return " ".join(map(str, value))
    return value.item() if hasattr(value, "item") else value


def _rounded(value: Any) -> Any:
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    return float(f"{value:.{_DIGITS}g}")
