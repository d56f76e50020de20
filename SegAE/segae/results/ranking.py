"""What to look at first: slices, segments or cases, and their tables."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from segae.errors import InputError
from segae.labels.structure import Structure
from segae.results.types import POOR, CaseScore, QualityReport, SliceScore, StructureScore, predicted_dice
from segae.results.verdicts import OrganVerdict, judge

VERDICT_COLUMNS = (
    "segment", "structure_index", "structure", "verdict", "interval_low", "interval_high", "volume_dice",
    "mean", "area_weighted_mean", "worst", "worst_slice", "poor_share", "n_slices", "missing_slices",
    "n_voxels", "reasons",
)  # fmt: skip


def verdict_table(verdicts: Sequence[OrganVerdict], case: str) -> tuple[list[str], list[list[object]]]:
    """Column names and rows for `write_table`, in the order given; empty ("") where there is no number."""
    rows = [[case, one.dice if one.is_ranked else "", *verdict_values(one)] for one in verdicts]
    return ["case", "predicted_dice", *VERDICT_COLUMNS], rows


def verdict_values(one: OrganVerdict) -> list[object]:
    """The values of one verdict in the order of `COLUMNS`; `missing_slices` are indices parted by spaces."""
    scores = one.scores
    numbers = (scores.mean, scores.area_weighted_mean, scores.worst, scores.worst_slice, scores.poor_share)
    return [
        one.segment,
        one.structure_index,
        one.structure,
        one.verdict,
        _cell(one.interval_low),
        _cell(one.interval_high),
        _cell(one.volume_dice),
        *(["" for _ in numbers] if scores.is_empty else numbers),
        scores.n_slices,
        " ".join(map(str, one.missing_slices)),
        one.n_voxels,
        " ".join(one.reasons),
    ]


def _cell(value: float | None) -> object:
    return "" if value is None else value


Level = Literal["slice", "structure", "case"]

COLUMNS: dict[str, tuple[str, ...]] = {
    "slice": ("segment", "structure", "slice", "x", "y", "z", "area_mm2"),
    "structure": VERDICT_COLUMNS,
    "case": ("worst", "worst_segment", "poor_share", "n_structures", "n_slices"),
}


@dataclass(frozen=True)
class Ranked:
    """A row and the case it belongs to.

    `score`: raw; that of a slice, the Dice of a structure's volume where there is one, else the mean of a
    structure or a case.
    """

    case: str
    score: float
    row: SliceScore | OrganVerdict | CaseScore

    @property
    def predicted_dice(self) -> float:
        """The score clipped to 0..1."""
        return predicted_dice(self.score)


def rank(
    reports: QualityReport | Iterable[QualityReport],
    level: Level = "slice",
    threshold: float = POOR,
    limit: int | None = None,
) -> tuple[Ranked, ...]:
    """Worst first; equal scores keep the order of the reports. At most `limit` rows (None: all).

    `threshold` says below which score a slice or a structure counts as poor. Structures that need a human
    come before the others. Empty masks and cases without scores are left out when nothing was predicted for
    them. Raises `InputError` for another level or a
    negative limit.
    """
    if level not in COLUMNS:
        raise InputError(f"There is no ranking by {level!r}; use one of {', '.join(COLUMNS)}.")
    if limit is not None and limit < 0:
        raise InputError(f"The limit of a ranking is {limit}; it must not be negative.")
    reports = (reports,) if isinstance(reports, QualityReport) else reports
    rows = (ranked for report in reports for ranked in _rows(report, level, threshold))
    if limit is None:
        return tuple(sorted(rows, key=_urgency))
    return tuple(heapq.nsmallest(limit, rows, key=_urgency))  # as stable as sorted, without holding all rows


def worst_first(report: QualityReport, threshold: float = POOR) -> tuple[StructureScore, ...]:
    """The scored structures of one report, lowest mean first."""
    scored = (row for row in report.structures(threshold) if not row.is_empty)
    return tuple(sorted(scored, key=lambda row: row.mean))


def ranking_table(ranked: Sequence[Ranked], level: Level) -> tuple[list[str], list[list[object]]]:
    """Column names and rows of a ranking, for `write_table`; predicted Dice is clipped to 0..1."""
    rows = [
        [place, one.case, one.predicted_dice, *_values(one.row, level)]
        for place, one in enumerate(ranked, start=1)
    ]
    return ["rank", "case", "predicted_dice", *COLUMNS[level]], rows


def _values(row: SliceScore | OrganVerdict | CaseScore, level: Level) -> list[object]:
    if isinstance(row, OrganVerdict):
        return verdict_values(row)
    return [getattr(row, name) for name in COLUMNS[level]]


def _urgency(ranked: Ranked) -> tuple[bool, float]:
    return ranked.row.urgency if isinstance(ranked.row, OrganVerdict) else (False, ranked.score)


def _rows(report: QualityReport, level: Level, threshold: float) -> Iterator[Ranked]:
    if level == "slice":
        yield from (Ranked(report.case, row.score, row) for row in report.slices)
    elif level == "structure":
        judged = (row for row in judge(report, threshold) if row.is_ranked)
        yield from (Ranked(report.case, row.score, row) for row in judged)
    elif report.slices:
        row = report.case_score(threshold)
        yield Ranked(report.case, row.mean, row)


CASE_COLUMN = "CT_Sample"
BACKGROUND = 0


def wide_table(
    reports: Iterable[QualityReport], structures: Sequence[Structure]
) -> tuple[list[str], Iterator[list[object]]]:
    """Column names and rows for `write_table`, a row per report in the order given.

    A value is the mean score over all slices of that class, raw as published; it is empty ("") where the
    case has no slice of it. `structures`: the label table, of which the background is left out.
    """
    classes = [s for s in structures if s.index != BACKGROUND]
    return [CASE_COLUMN, *(s.name for s in classes)], (_row(report, classes) for report in reports)


def _row(report: QualityReport, classes: Sequence[Structure]) -> list[object]:
    scores = defaultdict(list)
    for row in report.slices:
        scores[row.structure_index].append(row.score)
    means = {index: math.fsum(values) / len(values) for index, values in scores.items()}
    return [report.case, *(means.get(s.index, "") for s in classes)]
