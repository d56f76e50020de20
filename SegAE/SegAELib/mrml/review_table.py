"""What a reviewer decided, kept in a table node of the scene."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal, get_args

from segae.errors import InputError
from SegAELib.mrml.binding import Scene, SegmentationNode, TableNode
from SegAELib.mrml.results_table import KIND, SEGMENTATION_ROLE, column, find_table, set_columns, values_of

REVIEW = "review"
Verdict = Literal["accept", "needs work", "skip"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
WHOLE_SEGMENT = -1  # in the column "slice"

_COLUMNS: dict[str, type] = {
    "segment_id": str, "segment": str, "slice": int, "verdict": str, "note": str, "time": str, "score": str,
}  # fmt: skip


@dataclass(frozen=True)
class ReviewMark:
    """One decision: on a slice of a segment, or on the whole segment (`slice` None).

    `time`: ISO 8601 with zone. `score`: the raw score when the decision was made, None without one.
    """

    segment_id: str
    segment: str
    slice: int | None
    verdict: Verdict
    note: str
    time: str
    score: float | None

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise InputError(f'"{self.verdict}" is no review mark; use {", ".join(VERDICTS)}.')


def new_mark(
    segment_id: str, segment: str, slice_index: int | None, verdict: Verdict, *, note: str = "",
    score: float | None = None,
) -> ReviewMark:  # fmt: skip
    """A mark made now; raises `InputError` for an unknown verdict."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return ReviewMark(segment_id, segment, slice_index, verdict, note, now, score)


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
    columns = [values_of(node, name, kind) for name, kind in _COLUMNS.items()]
    try:
        return tuple(
            ReviewMark(
                segment_id, segment, None if index == WHOLE_SEGMENT else index, verdict, note, time,
                float(score) if score else None,
            )
            for segment_id, segment, index, verdict, note, time, score in zip(*columns, strict=True)
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
    """Header and rows for a CSV file; empty cells for a whole segment's slice and a missing score."""
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
    score = "" if mark.score is None else repr(float(mark.score))
    return [mark.segment_id, mark.segment, place, mark.verdict, mark.note, mark.time, score]
