"""The columns of all tables of results: files, tables on screen and their reference page are made from them.

A column says where its value stands in a `Row` (a slice with its segment and case). To add one, add a field
or property to `segae.results.types` and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from segae.results.types import Row

Text = Callable[[Any], str]


def dice_text(value: float) -> str:
    """Two digits: "0.62"."""
    return f"{value:.2f}"


def volume_text(value: float) -> str:
    """Millilitres for people: "0.4", "12.5", "340"."""
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def share_text(value: float) -> str:
    """Percent: "12%"."""
    return f"{value:.0%}"


def _one_digit(value: float) -> str:
    return f"{value:.1f}"


@dataclass(frozen=True)
class Column:
    """`path`: of the value in a `Row`; `kind`: str, int or float; `unit` and `meaning`: for people;
    `optional`: a row may have no value; `since`: the version that wrote it first; `text`: how people read it.
    """

    name: str
    kind: type
    unit: str
    meaning: str
    path: str
    optional: bool = False
    since: str = "0.1"
    text: Text = str

    def of(self, row: Row) -> Any:
        """The value in a row, as Python's own number or text; None for none."""
        return self.plain(attrgetter(self.path)(row))

    def plain(self, value: Any) -> Any:
        """A value as Python's own number or text; several as one text, parted by spaces."""
        if value is None:
            return None
        return self.kind(" ".join(map(str, value)) if isinstance(value, tuple) else value)

    def shown(self, row: Row) -> str:
        """The value as people read it, "" for none."""
        value = self.of(row)
        return "" if value is None else self.text(value)


_CASE = Column("case", str, "", "name of the case", "report.case")
_MODEL = (
    Column("model", str, "", "name of the model that gave the score", "report.model.name"),
    Column("model_sha256", str, "", "SHA-256 of its file", "report.model.sha256"),
)
_SEGMENT = (
    Column("segment", str, "", "the mask's name in the file", "segment.segment"),
    Column(
        "structure_index", int, "", "row of the label table that it was taken for", "segment.structure_index",
        optional=True,
    ),
    Column("structure", str, "", "name of that row", "segment.structure"),
)  # fmt: skip
_PLACE = (
    Column("slice", int, "", "index along the file's own axial axis", "slice.slice"),
    Column("x", float, "mm", "middle of the mask's box in that slice, RAS", "slice.x", text=_one_digit),
    Column("y", float, "mm", "the same", "slice.y", text=_one_digit),
    Column("z", float, "mm", "the same", "slice.z", text=_one_digit),
    Column(
        "thickness_mm", float, "mm", "how much of the axial axis the slice stands for", "slice.thickness_mm",
        since="0.2", text=_one_digit,
    ),
)  # fmt: skip
_ORGAN = Column(
    "organ_mm2", float, "mm²", "predicted area of the organ in the whole slice; empty for models that "
    "predict no areas", "slice.organ_mm2", optional=True, text=_one_digit,
)  # fmt: skip
_WRONG = Column(
    "wrong_mm2", float, "mm²", "expected wrong area: mask + organ - 2 overlap, without areas "
    "(1 - predicted Dice) x mask", "slice.wrong_mm2", since="0.2", text=_one_digit,
)  # fmt: skip

SLICES = (
    _CASE, *_MODEL, *_SEGMENT, *_PLACE,
    Column("area_mm2", float, "mm²", "area of the mask", "slice.area_mm2", text=_one_digit),
    Column(
        "raw_score", float, "", "output of the network, unbounded; empty where a file of version 0.1 holds "
        "the calibrated number only", "slice.raw_score", optional=True, since="0.2", text=dice_text,
    ),
    Column(
        "predicted_dice", float, "0..1", "calibrated Dice of the slice, the number that people see; without "
        "calibration the raw score clipped to 0..1", "slice.predicted_dice", since="0.2", text=dice_text,
    ),
    Column(
        "interval_low", float, "0..1", "low end of its 90% interval; empty for models without one",
        "slice.interval_low", optional=True, text=dice_text,
    ),
    Column(
        "interval_high", float, "0..1", "high end", "slice.interval_high", optional=True, text=dice_text,
    ),
    Column(
        "overlap_mm2", float, "mm²", "predicted area of mask and organ together", "slice.overlap_mm2",
        optional=True, text=_one_digit,
    ),
    _ORGAN, _WRONG,
)  # fmt: skip

SEARCHED = (
    _CASE, *_MODEL, *_SEGMENT, *_PLACE, _ORGAN, _WRONG,
    Column(
        "presence", float, "0..1", "highest probability of the organ at any place of the slice",
        "slice.presence", optional=True, text=dice_text,
    ),
)  # fmt: skip

SEGMENTS = (
    _CASE, *_MODEL, *_SEGMENT,
    Column("verdict", str, "", "what is said of the segment as a whole", "segment.verdict", optional=True),
    Column(
        "predicted_dice", float, "0..1", "calibrated Dice of the volume where the model predicts areas, else "
        "the mean of the slices; empty where nothing was predicted", "segment.predicted_dice", optional=True,
        text=dice_text,
    ),
    Column(
        "interval_low", float, "0..1", "low end of its 90% interval; empty for models without one",
        "segment.interval_low", optional=True, text=dice_text,
    ),
    Column(
        "interval_high", float, "0..1", "high end", "segment.interval_high", optional=True, text=dice_text,
    ),
    Column(
        "raw_dice", float, "", "the same Dice before calibration: of the volume, else the mean of the raw "
        "scores", "segment.raw_dice", optional=True, since="0.2", text=dice_text,
    ),
    Column(
        "wrong_ml", float, "ml", "expected wrong volume, missing parts included", "segment.wrong_ml",
        since="0.2", text=volume_text,
    ),
    Column(
        "mean", float, "0..1", "mean predicted Dice of the scored slices", "segment.mean", optional=True,
        text=dice_text,
    ),
    Column(
        "area_weighted_mean", float, "0..1", "the same, each slice weighted by the area of its mask",
        "segment.area_weighted_mean", optional=True, text=dice_text,
    ),
    Column(
        "worst", float, "0..1", "lowest predicted Dice of a slice", "segment.lowest", optional=True,
        text=dice_text,
    ),
    Column("worst_slice", int, "", "where it is", "segment.lowest_slice", optional=True),
    Column(
        "below_threshold", float, "0..1", "share of the scored slices whose predicted Dice is below the "
        "threshold", "segment.below_threshold", optional=True, since="0.2", text=share_text,
    ),
    Column(
        "threshold", float, "0..1", "predicted Dice below which the segment is poor, where the model has one "
        "of its own for the structure; empty: that of the report", "segment.threshold", optional=True,
        since="0.2", text=dice_text,
    ),
    Column("n_slices", int, "", "scored slices", "segment.n_slices"),
    Column(
        "missing_slices", str, "", "indices of slices without mask in which the organ was found; those "
        "between two searched slices are not listed", "segment.missing_slices",
    ),
    Column("n_voxels", int, "", "voxels of the mask", "segment.n_voxels"),
    Column(
        "volume_ml", float, "ml", "volume of the mask", "segment.volume_ml", since="0.2", text=volume_text,
    ),
    Column("reasons", str, "", "sentences", "segment.reasons"),
)  # fmt: skip

CASES = (
    _CASE, *_MODEL,
    Column(
        "predicted_dice", float, "0..1", "mean over the scored segments of the mean over their slices",
        "report.predicted_dice", optional=True, text=dice_text,
    ),
    Column(
        "wrong_ml", float, "ml", "expected wrong volume of all segments", "report.wrong_ml", since="0.2",
        text=volume_text,
    ),
    Column("n_to_review", int, "", "segments that need review", "report.n_to_review", since="0.2"),
    Column(
        "worst", float, "0..1", "lowest predicted Dice of a slice", "report.worst", optional=True,
        text=dice_text,
    ),
    Column("worst_segment", str, "", "segment with the lowest mean", "report.worst_segment"),
    Column(
        "below_threshold", float, "0..1", "share of the scored slices whose predicted Dice is below the "
        "threshold", "report.below_threshold", optional=True, since="0.2", text=share_text,
    ),
    Column("n_segments", int, "", "segments with a scored slice", "report.n_segments", since="0.2"),
    Column("n_slices", int, "", "scored slices", "report.n_slices"),
)  # fmt: skip

TABLES = {"slice": SLICES, "searched": SEARCHED, "segment": SEGMENTS, "case": CASES}


def names(columns: Iterable[Column]) -> list[str]:
    """Their names, in order."""
    return [column.name for column in columns]


def column(columns: Iterable[Column], name: str) -> Column:
    """The column of that name."""
    return next(one for one in columns if one.name == name)


def table_rows(columns: Sequence[Column], rows: Iterable[Row]) -> Iterable[list[Any]]:
    """The values of each row, as Python's own numbers and text; None for none."""
    readers = [(attrgetter(one.path), one.plain) for one in columns]
    return ([plain(read(row)) for read, plain in readers] for row in rows)


def stored(columns: Iterable[Column], owner: type, prefix: str) -> dict[str, Column]:
    """The columns that hold a field of `owner`, by the field: what is read back from a file. `prefix`: how
    their paths begin, "slice" or "segment"."""
    paths = {f"{prefix}.{one.name}": one.name for one in fields(owner)}
    return {paths[one.path]: one for one in columns if one.path in paths}
