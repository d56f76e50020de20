"""The scores of one segmentation, while they come in and afterwards, by segment id. No Qt, no scene."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from segae.errors import InputError
from segae.report import ModelIdentity, QualityReport, SliceScore, StructureScore
from SegAELib.mrml.fingerprint import Fingerprint, SliceChanges
from SegAELib.mrml.results_table import StoredResults

SliceKey = tuple[str, int]  # segment id, slice index


@dataclass(frozen=True)
class RankedSegment:
    """A row of the ranking; `stale`: edited since it was scored."""

    segment_id: str
    score: StructureScore
    stale: bool


@dataclass
class Results:
    """`report` without slices says who scored what; the slices are in `rows`, by segment id and index.

    `fingerprints`: what was scored, by segment id. `changes`: what was edited since.
    """

    report: QualityReport
    rows: dict[str, dict[int, SliceScore]] = field(default_factory=dict)
    fingerprints: dict[str, Fingerprint] = field(default_factory=dict)
    changes: dict[str, SliceChanges] = field(default_factory=dict)

    @classmethod
    def empty(cls, case: str, ct: str, segmentation: str, model: ModelIdentity, slice_axis: str) -> Results:
        """Before the first score."""
        return cls(QualityReport(case, ct, segmentation, model, (), slice_axis=slice_axis))

    @classmethod
    def of(cls, report: QualityReport, segment_ids: Mapping[str, str]) -> Results:
        """A whole report; `segment_ids`: segment id by the name in its rows."""
        results = cls(replace(report, slices=()))
        results.add(report.slices, segment_ids)
        return results

    @classmethod
    def from_stored(cls, stored: StoredResults) -> Results:
        """What a table node of the scene gave back."""
        results = cls.of(stored.report, stored.segment_ids)
        results.fingerprints = dict(stored.fingerprints)
        return results

    def __bool__(self) -> bool:
        return bool(self.rows)

    @property
    def segment_ids(self) -> dict[str, str]:
        """Segment id by the name in the rows."""
        return {next(iter(rows.values())).segment: i for i, rows in self.rows.items() if rows}

    def whole_report(self) -> QualityReport:
        """The report with all rows, segment by segment in the order of their slices."""
        rows = (row for of_segment in self.rows.values() for _, row in sorted(of_segment.items()))
        return replace(self.report, slices=tuple(rows))

    def add(self, rows: Iterable[SliceScore], segment_ids: Mapping[str, str]) -> set[str]:
        """Take scores in; returns the ids of the segments that got some."""
        touched = set()
        for row in rows:
            segment_id = segment_ids[row.segment]
            self.rows.setdefault(segment_id, {})[row.slice] = row
            touched.add(segment_id)
        return touched

    def merge(
        self, report: QualityReport, segment_ids: Mapping[str, str], removed: Iterable[SliceKey]
    ) -> None:
        """Take in a report of some slices or segments; `removed` slices have no mask any more.

        Raises `InputError` for scores of another model: one ranking cannot mix two.
        """
        if report.model.sha256 != self.report.model.sha256:
            raise InputError(
                f"These scores are of model {report.model.label}, the others of {self.report.model.label}; "
                "rank all segments again."
            )
        for segment_id, index in removed:
            self.rows.get(segment_id, {}).pop(index, None)
        self.add(report.slices, segment_ids)
        for name, segment_id in segment_ids.items():  # a segment may have got another name
            rows = self.rows.get(segment_id, {})
            self.rows[segment_id] = {index: replace(row, segment=name) for index, row in rows.items()}
        fresh = {segment.segment for segment in report.segments}
        kept = (segment for segment in self.report.segments if segment.segment not in fresh)
        self.report = replace(self.report, segments=(*kept, *report.segments), findings=report.findings)
        self.rows = {segment_id: rows for segment_id, rows in self.rows.items() if rows}

    def forget(self, segment_id: str) -> None:
        """The segment was deleted."""
        for kept in (self.rows, self.fingerprints, self.changes):
            kept.pop(segment_id, None)

    def ranking(self, threshold: float) -> list[RankedSegment]:
        """Scored segments, lowest mean first; slices below `threshold` count as poor."""
        ranked = [
            RankedSegment(segment_id, self.summary(segment_id, threshold), segment_id in self.changes)
            for segment_id in self.rows
        ]
        return sorted(ranked, key=lambda row: row.score.mean)

    def summary(self, segment_id: str, threshold: float) -> StructureScore:
        """One segment summed up as in every report."""
        rows = tuple(self.rows[segment_id].values())
        return replace(self.report, slices=rows, segments=()).structures(threshold)[0]

    def slices(self, segment_id: str) -> list[SliceScore]:
        """The scored slices of a segment in their order."""
        return [row for _, row in sorted(self.rows.get(segment_id, {}).items())]

    def row(self, key: SliceKey) -> SliceScore | None:
        """One slice of one segment."""
        return self.rows.get(key[0], {}).get(key[1])

    def worst_slices(self) -> list[SliceKey]:
        """All slices of all segments, lowest score first."""
        keys = ((row.score, i, index) for i, rows in self.rows.items() for index, row in rows.items())
        return [(segment_id, index) for _, segment_id, index in sorted(keys)]

    def poor_count(self, threshold: float) -> tuple[int, int]:
        """How many slices lie below `threshold`, and how many there are."""
        scores = [row.score for rows in self.rows.values() for row in rows.values()]
        return sum(score < threshold for score in scores), len(scores)
