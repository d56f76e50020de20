"""The published wide table: one row per case, one column per class of the label table."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from segae.labels.structure import Structure
from segae.report.report import QualityReport

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
