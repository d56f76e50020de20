"""What to look at first: slices, structures or cases, the lowest predicted Dice on top."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from segae.errors import InputError
from segae.report.report import POOR, QualityReport
from segae.report.rows import CaseScore, SliceScore, StructureScore, predicted_dice

Level = Literal["slice", "structure", "case"]

COLUMNS: dict[str, tuple[str, ...]] = {
    "slice": ("segment", "structure", "slice", "x", "y", "z", "area_mm2"),
    "structure": (
        "segment",
        "structure",
        "area_weighted_mean",
        "worst",
        "worst_slice",
        "poor_share",
        "n_slices",
    ),
    "case": ("worst", "worst_segment", "poor_share", "n_structures", "n_slices"),
}


@dataclass(frozen=True)
class Ranked:
    """A row and the case it belongs to.

    `score`: raw; that of a slice, or the mean of a structure or a case.
    """

    case: str
    score: float
    row: SliceScore | StructureScore | CaseScore

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

    `threshold` says below which score a slice counts as poor in the summed rows. Empty masks and cases
    without scores are left out: nothing was predicted for them. Raises `InputError` for another level or a
    negative limit.
    """
    if level not in COLUMNS:
        raise InputError(f"There is no ranking by {level!r}; use one of {', '.join(COLUMNS)}.")
    if limit is not None and limit < 0:
        raise InputError(f"The limit of a ranking is {limit}; it must not be negative.")
    reports = (reports,) if isinstance(reports, QualityReport) else reports
    rows = (ranked for report in reports for ranked in _rows(report, level, threshold))
    if limit is None:
        return tuple(sorted(rows, key=_score))
    return tuple(heapq.nsmallest(limit, rows, key=_score))  # as stable as sorted, without holding all rows


def worst_first(report: QualityReport, threshold: float = POOR) -> tuple[StructureScore, ...]:
    """The scored structures of one report, lowest mean first."""
    scored = (row for row in report.structures(threshold) if not row.is_empty)
    return tuple(sorted(scored, key=lambda row: row.mean))


def ranking_table(ranked: Sequence[Ranked], level: Level) -> tuple[list[str], list[list[object]]]:
    """Column names and rows of a ranking, for `write_table`; predicted Dice is clipped to 0..1."""
    rows = [
        [place, one.case, one.predicted_dice, *(getattr(one.row, name) for name in COLUMNS[level])]
        for place, one in enumerate(ranked, start=1)
    ]
    return ["rank", "case", "predicted_dice", *COLUMNS[level]], rows


def _score(ranked: Ranked) -> float:
    return ranked.score


def _rows(report: QualityReport, level: Level, threshold: float) -> Iterator[Ranked]:
    if level == "slice":
        yield from (Ranked(report.case, row.score, row) for row in report.slices)
    elif level == "structure":
        scored = (row for row in report.structures(threshold) if not row.is_empty)
        yield from (Ranked(report.case, row.mean, row) for row in scored)
    elif report.slices:
        row = report.case_score(threshold)
        yield Ranked(report.case, row.mean, row)
