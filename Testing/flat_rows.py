"""Reports as flat rows, and from them: what tests say about slices is shorter so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from segae.finding import Finding
from segae.results.bins import POOR
from segae.results.types import CaseReport, ModelIdentity, Row, SegmentResult, SliceResult, clipped
from segae.results.verdicts import Doubts
from segae.scoring.assemble import segment_result


@dataclass(frozen=True)
class FlatRow:
    """One slice with the name and structure of its segment; without a presence it has a mask."""

    segment: str
    structure_index: int
    structure: str
    slice: int
    x: float
    y: float
    z: float
    area_mm2: float = 0.0
    raw_score: Any = None  # a number or None, as the next six; tests know which
    predicted_dice: Any = None
    interval_low: Any = None
    interval_high: Any = None
    overlap_mm2: Any = None
    organ_mm2: Any = None
    thickness_mm: float = 3.0
    presence: Any = None

    @property
    def result(self) -> SliceResult:
        """The slice alone; its predicted Dice is the clipped raw score unless it is given."""
        values = asdict(self)
        for name in ("segment", "structure_index", "structure"):
            del values[name]
        if self.raw_score is not None and self.predicted_dice is None:
            values["predicted_dice"] = clipped(self.raw_score)
        return SliceResult(**values)


def slices(report: CaseReport) -> tuple[FlatRow, ...]:
    """The scored slices of a report."""
    return tuple(map(_flat, report.rows()))


def searched(report: CaseReport) -> tuple[FlatRow, ...]:
    """The slices without mask in which organs were looked for."""
    return tuple(map(_flat, report.searched_rows()))


def segments_of(
    rows: Iterable[FlatRow],
    extents: Sequence[SegmentResult] = (),
    *,
    findings: Iterable[Finding] = (),
    intervals: Mapping[str, Any] | None = None,
    threshold: float = POOR,
) -> tuple[SegmentResult, ...]:
    """Segments with their verdicts: those of `extents`, then those that only rows speak of."""
    rows, doubts = list(rows), Doubts(findings)
    known = {(one.segment, one.structure_index): one for one in extents}
    for row in rows:
        known.setdefault(
            (row.segment, row.structure_index),
            SegmentResult(row.segment, row.structure_index, row.structure, 0, 0.0),
        )
    results = []
    for (segment, index), one in known.items():
        own = [row.result for row in rows if (row.segment, row.structure_index) == (segment, index)]
        whole = SegmentResult(
            one.segment, one.structure_index, one.structure, one.n_voxels, one.volume_ml,
            tuple(row for row in own if row.presence is None),
            tuple(row for row in own if row.presence is not None),
        )  # fmt: skip
        results.append(segment_result(whole, intervals or {}, doubts, threshold))
    return tuple(results)


def report_from_rows(
    rows: Iterable[FlatRow],
    extents: Sequence[SegmentResult] = (),
    *,
    case: str = "s0001",
    model: ModelIdentity | None = None,
    findings: Sequence[Finding] = (),
    threshold: float = POOR,
    **more: Any,
) -> CaseReport:
    """A whole report; `more`: other fields of `CaseReport`."""
    segments = segments_of(rows, extents, findings=findings, threshold=threshold)
    model = model or ModelIdentity("starter", "0a" * 32, "segae-resnet18")
    return CaseReport(
        case, more.pop("ct", "ct.nii.gz"), more.pop("segmentation", "masks"), model, segments,
        tuple(findings), threshold=threshold, **more,
    )  # fmt: skip


def _flat(row: Row) -> FlatRow:
    segment, own = row.segment, (one.name for one in fields(SliceResult))
    index = -1 if segment.structure_index is None else segment.structure_index
    values = {name: getattr(row.slice, name) for name in own}
    return FlatRow(segment.segment, index, segment.structure, **values)


def rows_of(results: Any) -> dict[str, dict[int, SliceResult]]:
    """The scored slices of the panel's `Results`, by segment id and index."""
    scored = ((i, one) for i, one in results.segments.items() if one.is_scored)
    return {segment_id: {row.slice: row for row in one.slices} for segment_id, one in scored}
