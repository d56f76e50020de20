"""What a reviewer decided, kept in a table node of the scene."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from segae.errors import InputError
from segae.results.files import write_table
from segae.results.reviews import now
from SegAELib.mrml.binding import Scene, SegmentationNode, TableNode
from SegAELib.mrml.results_table import KIND, SEGMENTATION_ROLE, column, find_table, set_columns, values_of

REVIEW = "review"
Mark = Literal["accept", "needs work", "skip"]
MARKS: tuple[Mark, ...] = get_args(Mark)
WHOLE_SEGMENT = -1  # in the column "slice"

_COLUMNS: dict[str, type] = {
    "segment_id": str, "segment": str, "slice": int, "mark": str, "note": str, "time": str,
    "predicted_dice": str,
}  # fmt: skip
_OLD_NAMES = {"mark": "verdict", "predicted_dice": "score"}  # of version 0.1


@dataclass(frozen=True)
class ReviewMark:
    """One decision: on a slice of a segment, or on the whole segment (`slice` None).

    `time`: ISO 8601 with zone. `dice`: the predicted Dice when it was set, None without one.
    """

    segment_id: str
    segment: str
    slice: int | None
    mark: Mark
    note: str
    time: str
    dice: float | None

    def __post_init__(self) -> None:
        if self.mark not in MARKS:
            raise InputError(f'"{self.mark}" is no review mark; use {", ".join(MARKS)}.')


def new_mark(
    segment_id: str, segment: str, slice_index: int | None, mark: Mark, *, note: str = "",
    dice: float | None = None,
) -> ReviewMark:  # fmt: skip
    """A mark made now; raises `InputError` for an unknown one."""
    return ReviewMark(segment_id, segment, slice_index, mark, note, now(), dice)


def review_table(scene: Scene, segmentation: SegmentationNode) -> TableNode:
    """The review table of a segmentation, made when there is none yet."""
    found = find_table(segmentation, REVIEW)
    if found is not None:
        return found
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", f"{segmentation.GetName()} SegAE review")
    node.SetAttribute(KIND, REVIEW)
    node.SetNodeReferenceID(SEGMENTATION_ROLE, segmentation.GetID())
    _write(node, ())
    return node


def read_marks(node: TableNode) -> tuple[ReviewMark, ...]:
    """All marks in the order in which they were made; raises `InputError` for a table of other origin."""
    is_old = node.GetTable().GetColumnByName("mark") is None
    names = {name: _OLD_NAMES.get(name, name) if is_old else name for name in _COLUMNS}
    columns = [values_of(node, names[name], kind) for name, kind in _COLUMNS.items()]
    try:
        return tuple(
            ReviewMark(
                segment_id, segment, None if index == WHOLE_SEGMENT else index, mark, note, time,
                float(dice) if dice else None,
            )
            for segment_id, segment, index, mark, note, time, dice in zip(*columns, strict=True)
        )  # fmt: skip
    except ValueError as error:
        raise InputError(
            f'Table "{node.GetName()}" was changed outside of SegAE ({error}); remove it.'
        ) from error


def set_mark(node: TableNode, mark: ReviewMark) -> None:
    """Store a mark; it takes the place of an earlier one on the same slice or segment."""
    others = (old for old in read_marks(node) if (old.segment_id, old.slice) != (mark.segment_id, mark.slice))
    _write(node, (*others, mark))


def remove_mark(node: TableNode, segment_id: str, slice_index: int | None) -> None:
    """Take a mark away, if there is one."""
    _write(
        node, (old for old in read_marks(node) if (old.segment_id, old.slice) != (segment_id, slice_index))
    )


def export_rows(marks: Iterable[ReviewMark]) -> list[list[str]]:
    """Header and rows for a CSV file; empty cells for a whole segment's slice and a missing Dice."""
    return [list(_COLUMNS), *(_cells(mark, "") for mark in marks)]


def _write(node: TableNode, marks: Iterable[ReviewMark]) -> None:
    rows = [_cells(mark, str(WHOLE_SEGMENT)) for mark in marks]
    set_columns(
        node,
        [column(name, kind, (row[n] for row in rows)) for n, (name, kind) in enumerate(_COLUMNS.items())],
    )


def _cells(mark: ReviewMark, whole_segment: str) -> list[str]:
    """A mark as text in the order of the columns; `whole_segment` stands for the slice of a whole segment."""
    place = whole_segment if mark.slice is None else str(mark.slice)
    dice = "" if mark.dice is None else repr(float(mark.dice))
    return [mark.segment_id, mark.segment, place, mark.mark, mark.note, mark.time, dice]


DONE: tuple[Mark, ...] = ("accept", "skip")  # these slices need not be looked at again


class Reviews:
    """The marks of a reviewer on one segmentation, read from and kept in the scene.

    A table node is made with the first mark, not before. Raises `InputError` for a damaged table.
    """

    def __init__(self, segmentation: SegmentationNode) -> None:
        self._segmentation = segmentation
        table = find_table(segmentation, REVIEW)
        marks = () if table is None else read_marks(table)
        self._marks: dict[tuple[str, int | None], ReviewMark] = {(m.segment_id, m.slice): m for m in marks}
        self.revision = 0  # grows with every change

    def of(self, segment_id: str, index: int | None) -> ReviewMark | None:
        """The mark on a slice, or on the whole segment (`index` None)."""
        return self._marks.get((segment_id, index))

    def is_done(self, key: tuple[str, int]) -> bool:
        """Whether a slice was accepted or skipped, or its whole segment was marked, with whatever."""
        mark = self.of(*key)
        return self.of(key[0], None) is not None or (mark is not None and mark.mark in DONE)

    def is_marked(self, key: tuple[str, int]) -> bool:
        """Whether a slice, or its whole segment, was marked."""
        return self.of(*key) is not None or self.of(key[0], None) is not None

    @property
    def marks(self) -> tuple[ReviewMark, ...]:
        """All marks."""
        return tuple(self._marks.values())

    def set(self, mark: ReviewMark) -> None:
        """Keep a mark in the place of an earlier one on the same slice or segment."""
        set_mark(review_table(self._segmentation.GetScene(), self._segmentation), mark)
        self._marks[(mark.segment_id, mark.slice)] = mark
        self.revision += 1

    def clear(self, segment_id: str, index: int | None) -> None:
        """Take a mark away."""
        if self._marks.pop((segment_id, index), None) is not None:
            self.revision += 1
            remove_mark(review_table(self._segmentation.GetScene(), self._segmentation), segment_id, index)

    def export(self, path: Path) -> None:
        """All marks as CSV; raises `OutputError`."""
        columns, *rows = export_rows(self._marks.values())
        write_table(columns, rows, path)
