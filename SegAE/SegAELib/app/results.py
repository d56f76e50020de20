"""The results of one segmentation, while they come in and afterwards, by segment id. No Qt, no scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

import numpy as np

from segae.data import Segment
from segae.errors import InputError
from segae.results.bins import POOR
from segae.results.review_order import Order, ranked, segment_key, slice_keys
from segae.results.types import CaseReport, ModelIdentity, SegmentResult, SliceResult
from segae.results.verdicts import Doubts, judged_again
from segae.scoring.assemble import segment_result, unscored, with_dice
from SegAELib.mrml.edits import Fingerprint, SliceChanges
from SegAELib.mrml.results_table import StoredResults

SliceKey = tuple[str, int]  # segment id, slice index


@dataclass(frozen=True)
class RankedSegment:
    """A row of the ranking; `stale`: edited since it was scored."""

    segment_id: str
    result: SegmentResult
    stale: bool

    @property
    def is_bad(self) -> bool:
        """Somebody has to look at it, or at a slice of it."""
        return self.result.needs_review or self.result.n_below > 0


@dataclass
class Results:
    """`report` without segments says who scored what; the segments are in `segments`, by id, in their order.

    Everything that is shown is looked up here: a segment is summed up when its slices change, and verdicts
    are decided when all of it was looked at. `intervals`: the model's table, to sum up segments.
    `fingerprints`: what was scored, by segment id. `changes`: what was edited since. `revision` grows with
    every change of what is shown.
    """

    report: CaseReport
    segments: dict[str, SegmentResult] = field(default_factory=dict)
    intervals: Mapping[str, Any] = field(default_factory=dict)
    fingerprints: dict[str, Fingerprint] = field(default_factory=dict)
    changes: dict[str, SliceChanges] = field(default_factory=dict)
    revision: int = field(default=0, compare=False)
    _sortings: dict[tuple[str, Order], tuple[SegmentResult, list[SliceResult], np.ndarray]] = field(
        default_factory=dict, compare=False
    )
    _kept: dict[object, Any] = field(default_factory=dict, compare=False)  # of this revision

    @classmethod
    def empty(
        cls, case: str, ct: str, segmentation: str, model: ModelIdentity, slice_axis: str,
        intervals: Mapping[str, Any] | None = None, threshold: float = POOR,
    ) -> Results:  # fmt: skip
        """Before the first score."""
        report = CaseReport(case, ct, segmentation, model, slice_axis=slice_axis, threshold=threshold)
        return cls(report, intervals=intervals or {})

    @classmethod
    def of(
        cls, report: CaseReport, segment_ids: Sequence[str], intervals: Mapping[str, Any] | None = None
    ) -> Results:
        """A whole report; `segment_ids`: those of its segments, in their order."""
        segments = dict(zip(segment_ids, report.segments, strict=True))
        return cls(replace(report, segments=()), segments, intervals or {})

    @classmethod
    def from_stored(cls, stored: StoredResults) -> Results:
        """What a table node of the scene gave back."""
        results = cls.of(stored.report, stored.segment_ids)
        results.fingerprints = dict(stored.fingerprints)
        return results

    def __bool__(self) -> bool:
        return any(segment.is_scored for segment in self.segments.values())

    @property
    def scored_ids(self) -> list[str]:
        """Ids of the segments with a scored slice."""
        return [segment_id for segment_id, one in self.segments.items() if one.is_scored]

    def whole_report(self) -> CaseReport:
        """The report with all segments, each in the order of its slices."""
        segments = (
            replace(one, slices=tuple(sorted(one.slices, key=lambda row: row.slice)))
            for one in self.segments.values()
        )
        return replace(self.report, segments=tuple(segments))

    def add(self, slices: Mapping[str, Sequence[SliceResult]], segments: Mapping[str, Segment]) -> set[str]:
        """Take slices in as they come, by segment id; returns the ids. There is no verdict before all of a
        segment was looked at. `segments`: the masks by id."""
        for segment_id, new in slices.items():
            known = self.segments.get(segment_id) or unscored(segments[segment_id])
            merged = {one.slice: one for one in (*known.slices, *new)}
            n_below = sum((one.predicted_dice or 0.0) < self.report.threshold for one in merged.values())
            self._set(
                segment_id,
                with_dice(replace(known, slices=tuple(merged.values()), n_below=n_below), self.intervals),
            )
        return set(slices)

    def merge(self, report: CaseReport, segment_ids: Sequence[str], removed: Iterable[SliceKey] = ()) -> None:
        """Take in a report of some slices or segments, whose ids in their order are `segment_ids`; `removed`
        slices have no mask any more.

        Raises `InputError` for scores of another model: one ranking cannot mix two.
        """
        if report.model.sha256 != self.report.model.sha256:
            raise InputError(
                f"These scores are of model {report.model.name}, the others of {self.report.model.name}; "
                "rank all segments again."
            )
        only_some = report.options.get("only") is not None
        names = {segment.segment for segment in report.segments}
        others = (one for one in self.report.findings if one.segments and names.isdisjoint(one.segments))
        self.report = replace(self.report, findings=(*others, *report.findings))
        self._changed()
        doubts, gone = Doubts(self.report.findings), set(removed)
        for segment_id, new in zip(segment_ids, report.segments, strict=True):
            before = self.segments.get(segment_id)
            if only_some and before is not None:
                new = _with_earlier(new, before, {index for i, index in gone if i == segment_id})
            self._set(segment_id, self._judged(new, doubts))

    def forget(self, segment_id: str) -> None:
        """The segment was deleted."""
        for kept in (self.segments, self.fingerprints, self.changes):
            kept.pop(segment_id, None)
        self._changed()

    def set_changes(self, changes: Mapping[str, SliceChanges]) -> None:
        """What was edited since it was scored, by segment id."""
        if changes != self.changes:
            self.changes = dict(changes)
            self._changed()

    def set_threshold(self, threshold: float) -> None:
        """Decide all verdicts anew: below `threshold` a segment is poor."""
        if threshold == self.report.threshold:
            return
        self.report = replace(self.report, threshold=threshold)
        doubts, axis = Doubts(self.report.findings), self.report.slice_axis
        for segment_id, one in self.segments.items():
            self.segments[segment_id] = judged_again(one, doubts, threshold, axis)
        self._changed()

    def ranking(self, order: Order = "review") -> list[RankedSegment]:
        """Segments of which anything is known, in `order`, empty ones whose organ is there too."""

        def rank() -> list[RankedSegment]:
            listed = ((i, one) for i, one in self.segments.items() if one.is_listed)
            ordered = sorted(listed, key=lambda pair: segment_key(pair[1], order))
            return [RankedSegment(i, one, i in self.changes) for i, one in ordered]

        return self._once(("ranking", order), rank)

    def missing(self, segment_id: str) -> tuple[SliceResult, ...]:
        """Slices without mask in which the organ of a segment was found, in their order."""
        segment = self.segments.get(segment_id)
        return () if segment is None else segment.missing

    def slices(self, segment_id: str) -> list[SliceResult]:
        """The scored slices of a segment in their order."""
        segment = self.segments.get(segment_id)
        return [] if segment is None else sorted(segment.slices, key=lambda one: one.slice)

    def slices_in_order(self, segment_id: str, order: Order = "review") -> list[SliceResult]:
        """The scored slices of a segment, the first to look at first."""
        rows, keys = self._sorting(segment_id, order)
        return [rows[n] for n in ranked(keys)]

    def work_ahead(self, segment_id: str, order: Order) -> None:
        """Do a part of what `all_slices` needs, for a moment in which there is time."""
        if segment_id in self.segments:
            self._sorting(segment_id, order)

    def slice(self, key: SliceKey) -> SliceResult | None:
        """One scored slice of one segment."""
        segment = self.segments.get(key[0])
        found = () if segment is None else segment.slices
        return next((one for one in found if one.slice == key[1]), None)

    def place(self, key: SliceKey) -> tuple[float, float, float] | None:
        """Where to look (RAS mm) in a slice that was scored, or in which the organ is missing."""
        one = self.slice(key) or next((one for one in self.missing(key[0]) if one.slice == key[1]), None)
        return None if one is None else (one.x, one.y, one.z)

    def name(self, segment_id: str) -> str:
        """What a segment was called when it was scored, "" for one that was not."""
        segment = self.segments.get(segment_id)
        return "" if segment is None else segment.segment

    def all_slices(self, order: Order = "review") -> list[SliceKey]:
        """All slices of all segments that were scored, or in which the organ is missing, the first to look at
        first."""

        def rank() -> list[SliceKey]:
            ids = list(self.segments)
            sortings = [self._with_missing(segment_id, order) for segment_id in ids]
            if not sortings:
                return []
            order_of_all = ranked(np.concatenate([keys for _, keys in sortings]))
            places = np.repeat(np.arange(len(ids)), [len(rows) for rows, _ in sortings])[order_of_all]
            slices = np.array([row.slice for rows, _ in sortings for row in rows], int)[order_of_all]
            return list(zip([ids[n] for n in places.tolist()], slices.tolist(), strict=True))

        return self._once(("slices", order), rank)

    def by_segment(self, order: Order = "review") -> list[SliceKey]:
        """The same slices, one segment after the other, each with its missing slices first."""

        def rank() -> list[SliceKey]:
            ids = [row.segment_id for row in self.ranking(order)]
            return [
                (i, one.slice) for i in ids for one in (*self.missing(i), *self.slices_in_order(i, order))
            ]

        return self._once(("by segment", order), rank)

    def to_review(self) -> frozenset[SliceKey]:
        """The slices that somebody has to look at: those below the threshold, and those in which the organ of
        a segment is missing."""

        def find() -> frozenset[SliceKey]:
            threshold = self.report.threshold
            below = (
                (i, one.slice)
                for i, segment in self.segments.items()
                if segment.n_below
                for one in segment.slices
                if (one.predicted_dice or 0.0) < threshold
            )
            return frozenset((*below, *((i, one.slice) for i in self.segments for one in self.missing(i))))

        return self._once("to review", find)

    def count_below(self) -> tuple[int, int]:
        """How many slices lie below the threshold, and how many there are."""
        every = self.segments.values()
        return sum(one.n_below for one in every), sum(one.n_slices for one in every)

    def _sorting(self, segment_id: str, order: Order) -> tuple[list[SliceResult], np.ndarray]:
        """The scored slices of a segment in their order, and what to sort them by (n, 2), the lowest first;
        kept while the segment stays the same."""
        segment = self.segments[segment_id]
        kept = self._sortings.get((segment_id, order))
        if kept is None or kept[0] is not segment:
            rows = sorted(segment.slices, key=attrgetter("slice"))
            kept = self._sortings[(segment_id, order)] = (segment, rows, slice_keys(rows, order))
        return kept[1], kept[2]

    def _with_missing(self, segment_id: str, order: Order) -> tuple[list[SliceResult], np.ndarray]:
        """`_sorting`, and the slices in which the organ is missing."""
        rows, keys = self._sorting(segment_id, order)
        missing = self.missing(segment_id)
        if not missing:
            return rows, keys
        return [*rows, *missing], np.concatenate([keys, slice_keys(missing, order)])

    def _set(self, segment_id: str, segment: SegmentResult) -> None:
        self.segments[segment_id] = segment
        self._changed()

    def _changed(self) -> None:
        self.revision += 1
        self._kept.clear()

    def _once(self, key: object, make: Callable[[], Any]) -> Any:
        """What `make` returns, kept until something changes."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def _judged(self, segment: SegmentResult, doubts: Doubts) -> SegmentResult:
        axis, threshold = self.report.slice_axis, self.report.threshold
        return segment_result(segment, self.intervals, doubts, threshold, axis)


def _with_earlier(new: SegmentResult, before: SegmentResult, removed: set[int]) -> SegmentResult:
    """Some slices were scored again: the others stay, and what was found without mask, unless there is a mask
    now."""
    slices = {one.slice: one for one in before.slices if one.slice not in removed}
    slices |= {one.slice: one for one in new.slices}
    searched = tuple(one for one in before.searched if one.slice not in slices)
    return replace(new, slices=tuple(slices.values()), searched=(*searched, *new.searched))


def step(
    order: Sequence[SliceKey],
    current: SliceKey | None,
    direction: int,
    wanted: Callable[[SliceKey], bool] = lambda _key: True,
) -> SliceKey | None:
    """The next (`direction` 1) or the previous (-1) slice of `order` that is `wanted`.

    From nowhere, or from a slice that is not in `order`, the walk begins at its first end. None when there is
    nothing in that direction.
    """
    start = order.index(current) if current in order else -1 if direction > 0 else 0
    stop = len(order) if direction > 0 else -1
    return next((order[n] for n in range(start + direction, stop, direction) if wanted(order[n])), None)
