"""What to look at first: slices, structures or cases, the lowest predicted Dice on top.

Structures that need nobody (`segae.verdict`) come after those that do.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from segae.errors import InputError
from segae.report.report import POOR, QualityReport
from segae.report.rows import CaseScore, SliceScore, StructureScore, predicted_dice
from segae.verdict import table as verdicts
from segae.verdict.judge import judge
from segae.verdict.verdict import OrganVerdict

Level = Literal["slice", "structure", "case"]

COLUMNS: dict[str, tuple[str, ...]] = {
    "slice": ("segment", "structure", "slice", "x", "y", "z", "area_mm2"),
    "structure": verdicts.COLUMNS,
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
        return verdicts.verdict_values(row)
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
