"""The main numbers of an evaluation."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segae.errors import InputError

PAGE, TABLE = "evaluation.html", "metrics.csv"  # of `segae-train evaluate`
MAIN = ("lcc", "mae", "auroc_70")
LEVEL = "slice"


@dataclass(frozen=True)
class Figure:
    """A value with its interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class MethodFigures:
    """What a method (a model or a baseline) is worth on a suite of masks, per slice. `figures`: by the names
    in `MAIN`."""

    suite: str
    method: str
    masks: int
    figures: dict[str, Figure]


def read_figures(folder: Path) -> tuple[MethodFigures, ...]:
    """The figures of an evaluation in its own order, none when there is no evaluation. Raises `InputError`
    for a damaged table."""
    path = folder / TABLE
    try:
        text = path.read_text(encoding="utf-8")
        return tuple(_methods(list(csv.DictReader(text.splitlines()))))
    except FileNotFoundError:
        return ()
    except (OSError, KeyError, TypeError, ValueError):
        raise InputError(f'"{path}" is no table of an evaluation; press Evaluate again.') from None


def _methods(rows: list[dict[str, str]]) -> Iterator[MethodFigures]:
    rows = [row for row in rows if row["level"] == LEVEL]
    for suite, method in dict.fromkeys((row["suite"], row["method"]) for row in rows):
        own = {row["metric"]: row for row in rows if (row["suite"], row["method"]) == (suite, method)}
        figures = {
            name: Figure(*(_number(own[name][column]) for column in ("value", "low", "high")))
            for name in MAIN
        }
        yield MethodFigures(suite, method, int(own[MAIN[0]]["n"]), figures)


def _number(text: str) -> float:
    return float(text) if text.strip() else math.nan
