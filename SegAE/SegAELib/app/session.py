"""One segmentation on one CT: its scores, what was edited since, and the tables that keep them. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segae.data import Segment
from segae.geometry.grid import Grid
from segae.geometry.orientation import axis_codes
from segae.labels.identify import Identification
from segae.results.bins import POOR
from segae.results.types import CaseReport, SliceResult
from segae.results.verdicts import with_threshold
from SegAELib.app.idle_tasks import IdleTasks
from SegAELib.app.model_facts import ModelFacts
from SegAELib.app.results import Results, SliceKey
from SegAELib.mrml.binding import SegmentationNode, VolumeNode
from SegAELib.mrml.edits import EditWatch, fingerprint
from SegAELib.mrml.matrices import volume_grid
from SegAELib.mrml.results_table import create_results_table, find_results, read_results, write_results
from SegAELib.mrml.scene_reader import SceneCase, case_in_parts, read_masks, whole
from SegAELib.mrml.score_tags import write_scores


@dataclass(frozen=True)
class Attempt:
    """What is being scored now. `results`: scores as they come; they replace the old ones, unless `merge`d
    into them at the end. `only`: slices by segment name, None for all; `removed`: slices without a mask."""

    case: SceneCase
    results: Results
    merge: bool
    only: dict[str, Collection[int]] | None = None
    removed: tuple[SliceKey, ...] = ()


class Session:
    """Scores of `segmentation` on `volume`; earlier ones are taken from the scene with `restore`.

    `on_edit` is called when the segmentation's voxels may have changed. Nothing is read before it is needed.
    Call `close` when done. Long work is left to `tasks`.
    """

    def __init__(
        self,
        segmentation: SegmentationNode,
        volume: VolumeNode,
        tasks: IdleTasks,
        on_edit: Callable[[], None],
    ) -> None:
        self.segmentation, self.volume = segmentation, volume
        self.results: Results | None = None
        self.attempt: Attempt | None = None
        self.masks: dict[str, Segment] = {}
        self.threshold = POOR
        self._tasks, self._on_edit = tasks, on_edit
        self._watch = EditWatch(segmentation, volume, on_edit)

    @property
    def shown(self) -> Results | None:
        """What tables show: scores that are coming in, else the last ones."""
        return self.attempt.results if self.attempt is not None and not self.attempt.merge else self.results

    @property
    def shown_masks(self) -> dict[str, Segment]:
        """The masks that belong to the scores in `shown`, by segment id."""
        if self.attempt is None or self.attempt.merge:
            return self.masks
        return self.attempt.case.segments

    @property
    def grid(self) -> Grid:
        """The voxels of the CT in the world. Raises `InputError` when the CT is gone or bent."""
        return volume_grid(self.volume)

    @property
    def axis(self) -> int:
        """Array axis (0, 1, 2 = k, j, i) along which the slices of the results are counted."""
        assert self.shown is not None
        return "kji".index(self.shown.report.slice_axis)

    @property
    def is_upwards(self) -> bool:
        """Whether slice indices grow towards the head."""
        return axis_codes(self.grid)[2 - self.axis] != "I"

    def begin(
        self,
        model: ModelFacts,
        segment_ids: Collection[str],
        organs: Mapping[str, Identification],
        *,
        only: Mapping[str, Collection[int]] | None = None,
        merge: bool = False,
    ) -> Generator[int, None, Attempt]:
        """Read what is to be scored, in parts (see `scene_reader`); `only`: nothing but these slices, by
        segment id. Call `abandon` when it does not come to its end.

        `merge`: add to the scores that are there, when they are of the same model. Raises `InputError` for
        nodes that cannot be read.
        """
        self._watch.remember(segment_ids)  # what is edited from here on may not be what is scored
        case = yield from case_in_parts(
            self.segmentation, self.volume, segment_ids=segment_ids, organs=organs
        )
        report = self.results.report if self.results is not None else None
        merge = merge and report is not None and (only is not None or report.model.sha256 == model.sha256)
        results = Results.empty(
            self.volume.GetName(), self.volume.GetName(), self.segmentation.GetName(), model.identity,
            model.slice_axis(case.volume.grid), model.spec.intervals, self.threshold,
        )  # fmt: skip
        names = {segment_id: segment.name for segment_id, segment in case.segments.items()}
        by_name = None if only is None else {names[i]: slices for i, slices in only.items()}
        changes = self.results.changes if self.results is not None else {}
        removed = ((i, index) for i in only or () if i in changes for index in changes[i].removed)
        self.attempt = Attempt(case, results, merge, by_name, tuple(removed))
        self._fingerprint(case.segments, self.attempt)
        return self.attempt

    def take(self, slices: Mapping[int, Sequence[SliceResult]]) -> set[str]:
        """Slices that came in, by the place of their segment; returns the ids of the segments."""
        assert self.attempt is not None
        segments = self.attempt.case.segments
        ids = list(segments)
        by_id = {ids[place]: rows for place, rows in slices.items()}
        return self.attempt.results.add(by_id, {i: segments[i] for i in by_id})

    def complete(self, report: CaseReport) -> set[str]:
        """Everything was scored; returns the ids of the segments concerned. Raises `InputError` when the
        scores cannot be merged; the old ones stay then."""
        attempt, self.attempt = self.attempt, None
        assert attempt is not None
        ids, intervals = list(attempt.case.segments), attempt.results.intervals
        if not attempt.merge or self.results is None:
            self.results = Results.of(with_threshold(report, self.threshold), ids, intervals)
            self.masks = attempt.case.segments
        else:
            self.results.intervals = intervals
            try:
                self.results.merge(report, ids, attempt.removed)
            except Exception:
                self._distrust()
                raise
            self.masks = {**self.masks, **attempt.case.segments}
        self._take_fingerprints(attempt)
        self._store_later(ids)
        return set(ids)

    def adopt(
        self,
        report: CaseReport,
        case: SceneCase,
        unchanged: Collection[str],
        intervals: Mapping[str, Any] | None = None,
    ) -> None:
        """Take scores that are kept elsewhere, and so are not stored in the scene. `case`: the masks that
        were scored, by segment id, in the order of the report; `unchanged`: those that are still so in the
        scene. `intervals`: the model's."""
        self._watch.remember(unchanged)
        self.results = Results.of(with_threshold(report, self.threshold), list(case.segments), intervals)
        self.masks = case.segments
        attempt = Attempt(case, self.results, merge=False)
        self._fingerprint(case.segments, attempt)
        self._take_fingerprints(attempt)

    def abandon(self) -> None:
        """Scoring was stopped. What came in is kept only where nothing was before."""
        attempt, self.attempt = self.attempt, None
        if attempt is not None and self.results is None and attempt.results:
            self.results = attempt.results
            self.masks = attempt.case.segments
            self._take_fingerprints(attempt)
            self._store_later(self.results.scored_ids)
        else:
            self._distrust()

    def restore(self) -> None:
        """Take the scores that the scene holds; raises `InputError` when their table was changed."""
        table = find_results(self.segmentation)
        self.results = None if table is None else Results.from_stored(read_results(table))
        if self.results is not None:
            self.results.set_threshold(self.threshold)
            self._forget_deleted()
            self.masks = read_masks(self.segmentation, self.volume, self.results.scored_ids)
            self._distrust()
            self.check_edits()

    def check_edits(self) -> set[str]:
        """Compare the masks with what was scored; returns the ids of segments whose state is another now."""
        return whole(self.check_edits_in_parts())

    def check_edits_in_parts(self) -> Generator[int, None, set[str]]:
        """`check_edits` in parts (see `scene_reader`); of no effect when other scores came meanwhile."""
        results = self.results
        if results is None or self.attempt is not None:
            return set()
        changes = yield from self._watch.check_in_parts(results.fingerprints)
        if results is not self.results or self.attempt is not None:
            return set()
        before = results.changes
        gone = self._forget_deleted()
        results.set_changes({i: change for i, change in changes.items() if i not in gone})
        now = results.changes
        return gone | {i for i in before.keys() | now.keys() if before.get(i) != now.get(i)}

    def stale_slices(self) -> dict[str, Collection[int]]:
        """What has to be scored again, by segment id."""
        changes = self.results.changes if self.results is not None else {}
        return {segment_id: change.rescore for segment_id, change in changes.items()}

    def set_threshold(self, threshold: float) -> None:
        """Segments with a predicted Dice below it (0..1) are poor, from now on."""
        if threshold == self.threshold:
            return
        self.threshold = threshold
        for results in (self.results, None if self.attempt is None else self.attempt.results):
            if results is not None:
                results.set_threshold(threshold)

    def close(self) -> None:
        """Let go of the nodes; they may be gone already."""
        self._watch.close()
        self.attempt = None

    def _forget_deleted(self) -> set[str]:
        """Drop the scores of segments that are not there any more; returns their ids."""
        assert self.results is not None
        present = self.segmentation.GetSegmentation().GetSegmentIDs()
        gone = self.results.segments.keys() - set(present)
        for segment_id in gone:
            self.results.forget(segment_id)
        return gone

    def _distrust(self) -> None:
        """Forget which masks were read last: the next check compares all of them with their scores."""
        self._watch.close()
        self._watch = EditWatch(self.segmentation, self.volume, self._on_edit)

    def _fingerprint(self, segments: Mapping[str, Segment], attempt: Attempt) -> None:
        axis = "kji".index(attempt.results.report.slice_axis)

        def work(segment_id: str) -> Callable[[], None]:
            def take() -> None:
                attempt.results.fingerprints[segment_id] = fingerprint(segments[segment_id], axis)

            return take

        for segment_id in segments:
            self._tasks.add(("fingerprint", segment_id), work(segment_id))

    def _take_fingerprints(self, attempt: Attempt) -> None:
        """Those that were made while it was scored, and the rest as soon as they are."""
        results = self.results
        assert results is not None

        def take() -> None:
            taken = attempt.results.fingerprints
            for segment_id, one in results.segments.items():
                if segment_id in taken:
                    scored = {row.slice for row in one.slices}
                    results.fingerprints[segment_id] = taken[segment_id].of_scored(scored)

        results.set_changes({i: one for i, one in results.changes.items() if i not in attempt.case.segments})
        self._tasks.add("fingerprints", take)

    def _store_later(self, segment_ids: Iterable[str]) -> None:
        """Into the segments' tags, and as a table."""
        results = self.results
        assert results is not None

        ids = list(segment_ids)
        self._tasks.add("tags", lambda: self._write_tags(results, ids))
        self._tasks.add("table", lambda: self._write_table(results))

    def _write_tags(self, results: Results, segment_ids: Iterable[str]) -> None:
        if results is self.results and self.segmentation.GetScene() is not None:
            found = {i: results.segments[i] for i in segment_ids if i in results.segments}
            listed = {i: one for i, one in found.items() if one.is_listed}
            write_scores(self.segmentation, listed, results.report)

    def _write_table(self, results: Results) -> None:
        if results is not self.results or self.segmentation.GetScene() is None:
            return
        scene = self.segmentation.GetScene()
        name = f"{self.segmentation.GetName()} SegAE scores"
        table = find_results(self.segmentation) or create_results_table(scene, name)
        write_results(
            table, results.whole_report(), list(results.segments), results.fingerprints,
            segmentation=self.segmentation, volume=self.volume,
        )  # fmt: skip
