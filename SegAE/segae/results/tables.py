"""Tables of one or many reports: segments, what to look at first, and the published wide table."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from segae.errors import InputError
from segae.labels.structure import Structure
from segae.results import columns
from segae.results.review_order import Order, case_key, ordered_segments, segment_key, slice_keys
from segae.results.types import CaseReport, Row

Level = Literal["slice", "structure", "case"]
Table = tuple[list[str], Iterable[Sequence[object]]]  # column names and rows, for `write_table`

LEVEL_COLUMNS: dict[str, tuple[columns.Column, ...]] = {
    "slice": columns.SLICES, "structure": columns.SEGMENTS, "case": columns.CASES,
}  # fmt: skip


def segment_table(report: CaseReport, order: Order = "review") -> Table:
    """The segments with a structure as a table; empty ("") where there is no number."""
    named = (segment for segment in report.segments if segment.structure_index is not None)
    rows = (Row(report, segment) for segment in ordered_segments(named, order))
    return columns.names(columns.SEGMENTS), _cells(columns.SEGMENTS, rows)


def rank(
    reports: CaseReport | Iterable[CaseReport],
    level: Level = "slice",
    order: Order = "review",
    limit: int | None = None,
) -> tuple[Row, ...]:
    """What to look at first among slices, segments ("structure") or cases; equals keep the order of the
    reports. At most `limit` rows (None: all).

    Segments that need review come before the others. Segments and cases for which nothing was predicted are
    left out. Raises `InputError` for another level or a negative limit.
    """
    _check(level, limit)
    keyed = ((key, row) for key, row in keyed_rows(reports, level, order))
    return tuple(row for _, row in _smallest(keyed, limit))


CASE_COLUMN = "CT_Sample"
BACKGROUND = 0


def wide_table(reports: Iterable[CaseReport], structures: Sequence[Structure]) -> Table:
    """The published form, a row per report in the order given and a column per class.

    A value is the mean raw score over all slices of that class, as published; it is empty ("") where the case
    has no slice of it. Files of version 0.1 with calibrated scores have no raw one: there it is the mean of
    those. `structures`: the label table, of which the background is left out.
    """
    classes = [s for s in structures if s.index != BACKGROUND]
    return [CASE_COLUMN, *(s.name for s in classes)], (_wide_row(report, classes) for report in reports)


def _wide_row(report: CaseReport, classes: Sequence[Structure]) -> list[object]:
    scores: dict[int | None, list[float]] = defaultdict(list)
    for _, segment, one in report.rows():
        score = one.predicted_dice if one.raw_score is None else one.raw_score
        scores[segment.structure_index].append(score or 0.0)
    means = {index: math.fsum(values) / len(values) for index, values in scores.items()}
    return [report.case, *(means.get(s.index, "") for s in classes)]


def _check(level: str, limit: int | None) -> None:
    if level not in LEVEL_COLUMNS:
        raise InputError(f"There is no ranking by {level!r}; use one of {', '.join(LEVEL_COLUMNS)}.")
    if limit is not None and limit < 0:
        raise InputError(f"The limit of a ranking is {limit}; it must not be negative.")


def keyed_rows(
    reports: CaseReport | Iterable[CaseReport], level: Level, order: Order
) -> Iterator[tuple[tuple[Any, ...], Row]]:
    """The rows of a ranking with the keys to sort them by, the lowest first; see `rank`."""
    for report in (reports,) if isinstance(reports, CaseReport) else reports:
        if level == "slice":
            rows = list(report.rows())
            keys = slice_keys([row.slice for row in rows], order).tolist()
            yield from zip(map(tuple, keys), rows, strict=True)
        elif level == "structure":
            listed = (segment for segment in report.segments if segment.is_listed)
            yield from ((segment_key(segment, order), Row(report, segment)) for segment in listed)
        elif report.n_slices:
            yield (case_key(report, order),), Row(report)


def _smallest(keyed: Iterable[tuple[Any, Any]], limit: int | None) -> list[tuple[Any, Any]]:
    """Sorted by key; as stable as sorted, without holding all when there is a limit."""
    if limit is None:
        return sorted(keyed, key=lambda pair: pair[0])
    return heapq.nsmallest(limit, keyed, key=lambda pair: pair[0])


def _cells(own: Sequence[columns.Column], rows: Iterable[Row]) -> Iterator[list[object]]:
    for values in columns.table_rows(own, rows):
        yield ["" if value is None else value for value in values]
