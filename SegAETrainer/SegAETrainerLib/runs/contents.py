"""What an index, a training set, an evaluation and a training hold, in numbers and sentences."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segae.errors import InputError

SPLITS = ("train", "val", "test")


def stamp(path: Path | None) -> tuple[Path, int] | None:
    """Changes with the content of a file or folder; None when it is not there."""
    try:
        return None if path is None else (path, path.stat().st_mtime_ns)
    except OSError:
        return None


def set_stamp(folder: Path | None) -> object:
    """Changes with a training set, which may be being built; None when there is nothing."""
    return None if stamp(folder) is None or folder is None else (stamp(folder), stamp(folder / "set.json"))


@dataclass(frozen=True)
class IndexSummary:
    """`by_split`: scans for each of `SPLITS`. `findings`: what did not fit, errors first."""

    scans: int
    patients: int
    by_split: Mapping[str, int]
    pseudo_labels: int
    findings: tuple[str, ...]


@dataclass(frozen=True)
class SetSummary:
    """`by_split`: pairs of a mask with its truth for each of `SPLITS`."""

    scans: int
    pairs: int
    by_split: Mapping[str, int]
    findings: tuple[str, ...]


def describe_index(path: Path) -> IndexSummary:
    """Raises `InputError` for a file that is no index."""
    from segae_trainer.data.index import read_index

    index = read_index(path)
    counts = Counter(scan.split for scan in index.scans)
    order = {"error": 0, "warning": 1}
    findings = sorted(index.findings, key=lambda finding: order.get(finding.severity, 2))
    return IndexSummary(
        scans=len(index.scans),
        patients=len({scan.patient for scan in index.scans}),
        by_split={split: counts[split] for split in SPLITS},
        pseudo_labels=sum(len(scan.pseudo_labels) for scan in index.scans),
        findings=tuple(finding.message for finding in findings),
    )


def describe_set(folder: Path) -> SetSummary:
    """Raises `InputError` for a folder that is no training set."""
    from segae_trainer.data.training_set import TrainingSet

    opened = TrainingSet.open(folder)
    return SetSummary(
        scans=len(opened.scans),
        pairs=len(opened),
        by_split={split: len(opened.rows(split)) for split in SPLITS},
        findings=opened.findings,
    )


PAGE, TABLE = "evaluation.html", "metrics.csv"  # of `segae-train evaluate`
SIMPLE = "mask features"  # its baseline that sees no CT
BASELINES = (SIMPLE, "intensity", f"{SIMPLE} + intensity")
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


@dataclass(frozen=True)
class Comparison:
    """The mean absolute errors of a model and of a regression on mask features on a suite of masks."""

    method: str
    suite: str
    mae: float
    simple: float

    @property
    def better_by(self) -> float:
        """By how much the model's error is lower; negative when it is higher."""
        return self.simple - self.mae


def comparisons(rows: Sequence[MethodFigures]) -> tuple[Comparison, ...]:
    """Each model beside the regression on mask features, which sees no CT, suite by suite; none where the
    evaluation has no such regression."""
    simple = {row.suite: row.figures["mae"].value for row in rows if row.method == SIMPLE}
    return tuple(
        Comparison(row.method, row.suite, row.figures["mae"].value, simple[row.suite])
        for row in rows
        if row.method not in BASELINES and row.suite in simple
    )


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
