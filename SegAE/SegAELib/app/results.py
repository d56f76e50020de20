"""The scores of one segmentation, while they come in and afterwards, by segment id. No Qt, no scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from segae.errors import InputError
from segae.results.types import POOR, ModelIdentity, QualityReport, SearchedSlice, SliceScore, StructureScore
from segae.results.verdicts import OrganVerdict, judge, worst_verdicts_first
from segae.scoring.calibration import with_organ_scores
from SegAELib.mrml.edits import Fingerprint, SliceChanges
from SegAELib.mrml.results_table import StoredResults

SliceKey = tuple[str, int]  # segment id, slice index


@dataclass(frozen=True)
class RankedSegment:
    """A row of the ranking; `stale`: edited since it was scored; `judged`: all of it was looked at, so that
    the verdict holds."""

    segment_id: str
    verdict: OrganVerdict
    stale: bool
    judged: bool = True

    @property
    def score(self) -> StructureScore:
        """The sums over its scored slices."""
        return self.verdict.scores

    @property
    def is_bad(self) -> bool:
        """Somebody has to look at it, or at a slice of it."""
        return self.verdict.needs_human or self.score.poor_share > 0


@dataclass
class Results:
    """`report` without slices says who scored what; the slices are in `rows`, by segment id and index.

    `segment_ids`: segment id by name of all that was handed in, empty segments too. `fingerprints`: what was
    scored, by segment id. `changes`: what was edited since.
    """

    report: QualityReport
    rows: dict[str, dict[int, SliceScore]] = field(default_factory=dict)
    segment_ids: dict[str, str] = field(default_factory=dict)
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

    def whole_report(self) -> QualityReport:
        """The report with all rows, segment by segment in the order of their slices."""
        rows = (row for of_segment in self.rows.values() for _, row in sorted(of_segment.items()))
        return replace(self.report, slices=tuple(rows))

    def add(self, rows: Iterable[SliceScore], segment_ids: Mapping[str, str]) -> set[str]:
        """Take scores in; returns the ids of the segments that got some."""
        self.segment_ids.update(segment_ids)
        touched = set()
        for row in rows:
            segment_id = segment_ids[row.segment]
            self.rows.setdefault(segment_id, {})[row.slice] = row
            touched.add(segment_id)
        return touched

    def merge(
        self,
        report: QualityReport,
        segment_ids: Mapping[str, str],
        removed: Iterable[SliceKey],
        intervals: Mapping[str, Any] | None = None,
    ) -> None:
        """Take in a report of some slices or segments; `removed` slices have no mask any more. `intervals`:
        the model's table, to judge whole organs again.

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
        self.rows = {segment_id: rows for segment_id, rows in self.rows.items() if rows}
        self._merge_header(report, segment_ids)
        self.report = replace(with_organ_scores(self.whole_report(), intervals or {}), slices=())

    def _merge_header(self, report: QualityReport, segment_ids: Mapping[str, str]) -> None:
        """What is said of segments and of slices without mask. Some slices alone tell nothing of the others,
        so what was found there stays, unless there is a mask now."""
        now = {segment_id: name for name, segment_id in segment_ids.items()}
        before = {name: now[i] for name, i in self.segment_ids.items() if i in now}  # old name: new name
        kept = (segment for segment in self.report.segments if segment.segment not in before)
        searched = [one for one in self.report.searched if one.segment not in before]
        if report.options.get("only") is not None:
            concerned = (one for one in self.report.searched if one.segment in before)
            searched += [
                replace(one, segment=before[one.segment])
                for one in concerned
                if one.slice not in self.rows.get(segment_ids[before[one.segment]], {})
            ]
        ids = {name: i for name, i in self.segment_ids.items() if name not in before}
        self.segment_ids = {**ids, **segment_ids}
        self.report = replace(
            self.report,
            segments=(*kept, *report.segments),
            searched=(*searched, *report.searched),
            findings=report.findings,
        )

    def forget(self, segment_id: str) -> None:
        """The segment was deleted."""
        for kept in (self.rows, self.fingerprints, self.changes):
            kept.pop(segment_id, None)
        self.segment_ids = {name: i for name, i in self.segment_ids.items() if i != segment_id}
        self.report = replace(
            self.report,
            segments=tuple(one for one in self.report.segments if one.segment in self.segment_ids),
            searched=tuple(one for one in self.report.searched if one.segment in self.segment_ids),
        )

    def verdicts(self, threshold: float) -> dict[str, OrganVerdict]:
        """What is said of each segment as a whole, by id, worst first; slices below `threshold` are poor."""
        judged = worst_verdicts_first(judge(self.whole_report(), threshold))
        return {self.segment_ids[one.segment]: one for one in judged if one.segment in self.segment_ids}

    def ranking(self, threshold: float) -> list[RankedSegment]:
        """Segments of which anything is known, worst verdict first, empty ones whose organ is there too."""
        judged = {segment.segment for segment in self.report.segments}
        return [
            RankedSegment(segment_id, verdict, segment_id in self.changes, verdict.segment in judged)
            for segment_id, verdict in self.verdicts(threshold).items()
            if verdict.is_ranked
        ]

    def summary(self, segment_id: str, threshold: float) -> StructureScore:
        """One segment summed up as in every report."""
        rows = tuple(self.rows[segment_id].values())
        return replace(self.report, slices=rows, segments=()).structures(threshold)[0]

    def missing(self, segment_id: str) -> list[SearchedSlice]:
        """Slices without mask in which the organ of a segment was found, in their order."""
        verdict = self.verdicts(POOR).get(segment_id)
        if verdict is None:
            return []
        wanted = set(verdict.missing_slices)
        found = (one for one in self.report.searched if one.segment == verdict.segment)
        return sorted((one for one in found if one.slice in wanted), key=lambda one: one.slice)

    def slices(self, segment_id: str) -> list[SliceScore]:
        """The scored slices of a segment in their order."""
        return [row for _, row in sorted(self.rows.get(segment_id, {}).items())]

    def row(self, key: SliceKey) -> SliceScore | None:
        """One slice of one segment."""
        return self.rows.get(key[0], {}).get(key[1])

    def place(self, key: SliceKey) -> tuple[float, float, float] | None:
        """Where to look (RAS mm) in a slice that was scored, or in which the organ is missing."""
        row = self.row(key)
        if row is None:
            row = next((one for one in self.missing(key[0]) if one.slice == key[1]), None)
        return None if row is None else (row.x, row.y, row.z)

    def name(self, segment_id: str) -> str:
        """What a segment was called when it was scored, "" for one that was not."""
        return next((name for name, i in self.segment_ids.items() if i == segment_id), "")

    def worst_slices(self) -> list[SliceKey]:
        """All slices of all segments, lowest score first."""
        keys = ((row.score, i, index) for i, rows in self.rows.items() for index, row in rows.items())
        return [(segment_id, index) for _, segment_id, index in sorted(keys)]

    def poor_count(self, threshold: float) -> tuple[int, int]:
        """How many slices lie below `threshold`, and how many there are."""
        scores = [row.score for rows in self.rows.values() for row in rows.values()]
        return sum(score < threshold for score in scores), len(scores)


def step(
    order: Sequence[SliceKey],
    current: SliceKey | None,
    direction: int,
    wanted: Callable[[SliceKey], bool] = lambda _key: True,
) -> SliceKey | None:
    """The next (`direction` 1) or the previous (-1) slice of `order`, worst first, that is `wanted`.

    From nowhere, or from a slice that is not in `order`, the walk begins at its worst end. None when there is
    nothing in that direction.
    """
    start = order.index(current) if current in order else -1 if direction > 0 else 0
    stop = len(order) if direction > 0 else -1
    return next((order[n] for n in range(start + direction, stop, direction) if wanted(order[n])), None)


@dataclass(frozen=True)
class StripModel:
    """`first` to `last`: slice indices from the left to the right end (`last` may be the smaller one);
    `scores`: raw, by slice; slices without score stay empty."""

    first: int
    last: int
    scores: Mapping[int, float]

    @classmethod
    def of(cls, scores: Mapping[int, float], *, upwards: bool) -> StripModel | None:
        """From the lowest slice of the patient to the highest; None without scores.

        `upwards`: slice indices grow towards the head.
        """
        if not scores:
            return None
        low, high = min(scores), max(scores)
        return cls(low, high, scores) if upwards else cls(high, low, scores)

    @property
    def count(self) -> int:
        return abs(self.last - self.first) + 1

    def slice_at(self, share: float) -> int:
        """The slice at a place along the strip, 0 (left end) to 1."""
        place = min(max(int(share * self.count), 0), self.count - 1)
        return self.first + place if self.last >= self.first else self.first - place

    def place_of(self, index: int) -> int | None:
        """Position of a slice counted from the left end; None when it is not on the strip."""
        place = index - self.first if self.last >= self.first else self.first - index
        return place if 0 <= place < self.count else None
