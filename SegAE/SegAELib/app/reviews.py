"""The marks of a reviewer on one segmentation, read from and kept in the scene. No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from segae.report.files import write_table
from SegAELib.app.results import SliceKey
from SegAELib.mrml.binding import SegmentationNode
from SegAELib.mrml.results_table import find_table
from SegAELib.mrml.review_table import (
    REVIEW,
    ReviewMark,
    Verdict,
    export_rows,
    read_marks,
    remove_mark,
    review_table,
    set_mark,
)

DONE: tuple[Verdict, ...] = ("accept", "skip")  # these slices need not be looked at again


class Reviews:
    """A table node is made with the first mark, not before. Raises `InputError` for a damaged table."""

    def __init__(self, segmentation: SegmentationNode) -> None:
        self._segmentation = segmentation
        table = find_table(segmentation, REVIEW)
        marks = () if table is None else read_marks(table)
        self._marks: dict[tuple[str, int | None], ReviewMark] = {(m.segment_id, m.slice): m for m in marks}

    def of(self, segment_id: str, index: int | None) -> ReviewMark | None:
        """The mark on a slice, or on the whole segment (`index` None)."""
        return self._marks.get((segment_id, index))

    def is_done(self, key: SliceKey) -> bool:
        """Whether a slice, or its whole segment, was accepted or skipped."""
        marks = (self.of(*key), self.of(key[0], None))
        return any(mark is not None and mark.verdict in DONE for mark in marks)

    def count(self, keys: Iterable[SliceKey]) -> int:
        """How many of these slices are done."""
        return sum(self.is_done(key) for key in keys)

    def set(self, mark: ReviewMark) -> None:
        """Keep a mark in the place of an earlier one on the same slice or segment."""
        set_mark(review_table(self._segmentation.GetScene(), self._segmentation), mark)
        self._marks[(mark.segment_id, mark.slice)] = mark

    def clear(self, segment_id: str, index: int | None) -> None:
        """Take a mark away."""
        if self._marks.pop((segment_id, index), None) is not None:
            remove_mark(review_table(self._segmentation.GetScene(), self._segmentation), segment_id, index)

    def export(self, path: Path) -> None:
        """All marks as CSV; raises `OutputError`."""
        columns, *rows = export_rows(self._marks.values())
        write_table(columns, rows, path)
