"""Scores cases with one loaded model."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from segae.data import Segment, Segmentation, Volume
from segae.models.prediction import Prediction
from segae.models.quality_model import QualityModel
from segae.preflight.findings import Finding, Preflight
from segae.preflight.run import run_preflight
from segae.progress import Watch
from segae.report.report import QualityReport
from segae.report.rows import SegmentExtent, SliceScore
from segae.scoring.device import AUTO, choose_device
from segae.scoring.inputs import OrientedCT, PreparedSlices, orient_ct, prepare, slice_count
from segae.scoring.options import ScoringOptions
from segae.scoring.published_map import with_published_map
from segae.scoring.runners import make_runner

STAGE = "scoring"


@dataclass
class _Clock:
    """Seconds spent in preparing slices and in the network."""

    prepare: float = 0.0
    network: float = 0.0


class Scorer:
    """A model on a device, ready for any number of cases.

    `batch_size`: slices per network call, of whatever structures come next. Raises `InputError` for a model,
    device or engine that is not there, `ModelError` for a checkpoint that cannot be used.
    """

    def __init__(
        self,
        model: str | Path | QualityModel = "bundled",
        *,
        device: str = AUTO,
        engine: str = "torch",
        batch_size: int = 32,
    ) -> None:
        self.model = QualityModel.load(model)
        self.batch_size = max(1, batch_size)
        self._runner = make_runner(self.model, choose_device(device), engine)

    @property
    def device(self) -> torch.device:
        return self._runner.device

    def score_case(
        self,
        ct: Volume,
        segmentation: Segmentation,
        *,
        case: str = "case",
        options: ScoringOptions | None = None,
        watch: Watch | None = None,
    ) -> QualityReport:
        """Preflight, then every chosen slice of every structure.

        Raises `InputError` with the preflight's sentence when it finds an error.
        """
        options = options or ScoringOptions()
        checked = self.check(ct, segmentation, options)
        return self.score_checked(ct, segmentation, checked, case=case, options=options, watch=watch)

    def check(self, ct: Volume, segmentation: Segmentation, options: ScoringOptions) -> Preflight:
        """Everything that is looked at before a score: what of `segmentation` can be scored, and the
        findings."""
        checked = run_preflight(ct, _named(segmentation, options), resample=options.resample)
        known, unknown = self._by_vector(checked.segmentation.segments)
        return Preflight((*checked.findings, *unknown), Segmentation(known, checked.segmentation.source))

    def score_checked(
        self,
        ct: Volume,
        segmentation: Segmentation,
        checked: Preflight,
        *,
        case: str = "case",
        options: ScoringOptions | None = None,
        watch: Watch | None = None,
    ) -> QualityReport:
        """Score what `check` left of `segmentation`; raises `InputError` when it found an error."""
        parts = self.stream_checked(ct, segmentation, checked, case=case, options=options, watch=watch)
        while True:
            try:
                next(parts)
            except StopIteration as finished:
                return finished.value

    def stream_checked(
        self,
        ct: Volume,
        segmentation: Segmentation,
        checked: Preflight,
        *,
        case: str = "case",
        options: ScoringOptions | None = None,
        watch: Watch | None = None,
    ) -> Generator[tuple[SliceScore, ...], None, QualityReport]:
        """`score_checked` a batch at a time: yields scores as they come and returns the report."""
        options, watch, clock = options or ScoringOptions(), watch or Watch(), _Clock()
        checked.raise_for_errors()
        started = time.perf_counter()
        oriented = self.orient(ct)
        rows: list[SliceScore] = []
        for part in self._stream(oriented, checked.segmentation.segments, options, watch, clock):
            rows += part
            yield part
        return QualityReport(
            case=case,
            ct=ct.source,
            segmentation=str(segmentation.source),
            model=self.model.identity,
            slices=tuple(rows),
            findings=checked.findings,
            timings={
                "prepare": clock.prepare,
                "network": clock.network,
                "total": time.perf_counter() - started,
            },
            options=options.as_dict(),
            slice_axis=oriented.slice_axis,
            segments=tuple(_extent(segment) for segment in _named(segmentation, options).segments),
        )

    def orient(self, ct: Volume) -> OrientedCT:
        """The CT as `stream` wants it."""
        return orient_ct(ct, self.model.spec.orientation, self.device)

    def stream(
        self,
        ct: OrientedCT,
        segments: Sequence[Segment],
        options: ScoringOptions | None = None,
        watch: Watch | None = None,
    ) -> Iterator[tuple[SliceScore, ...]]:
        """Scores as they come, a batch at a time, for segments that lie on the CT's grid and passed the
        preflight."""
        return self._stream(ct, segments, options or ScoringOptions(), watch or Watch(), _Clock())

    def _stream(
        self,
        ct: OrientedCT,
        segments: Sequence[Segment],
        options: ScoringOptions,
        watch: Watch,
        clock: _Clock,
    ) -> Iterator[tuple[SliceScore, ...]]:
        asked = [(segment, options.slices, options.slices_of(segment.name)) for segment in segments]
        total = sum(slice_count(segment, ct.code, n, only) for segment, n, only in asked)
        done = 0
        watch.step(STAGE, done, total)
        prepared = _timed(
            (part for segment, n, only in asked for part in prepare(ct, segment, self.model.spec, n, only)),
            clock,
        )
        for batch in _batches(prepared, self.batch_size):
            started = time.perf_counter()
            images = torch.cat([part.images for part in batch])
            structures = torch.tensor([_index(part.segment) for part in batch for _ in part.slices])
            prediction = self._runner.run(images, structures)
            clock.network += time.perf_counter() - started
            rows = _rows(batch, prediction)
            done += len(rows)
            yield rows
            watch.step(STAGE, done, total)

    def _by_vector(self, segments: Sequence[Segment]) -> tuple[tuple[Segment, ...], list[Finding]]:
        """Segments whose name the model has a vector for, and a finding for each of the others: an error
        when nothing is left to score."""
        known = tuple(s for s in segments if s.structure is not None and self.model.knows(s.structure))
        severity = "warning" if known else "error"
        findings = [
            Finding(
                "NAME_NOT_IN_MODEL",
                severity,
                f'Model "{self.model.spec.name}" has no vector for "{segment.structure}", so segment '
                f'"{segment.name}" is not scored; use a model that knows it.',
                segment.name,
                segment.source,
            )
            for segment in segments
            if segment not in known
        ]
        return known, findings


def _named(segmentation: Segmentation, options: ScoringOptions) -> Segmentation:
    return with_published_map(segmentation) if options.published_map else segmentation


def _index(segment: Segment) -> int:
    assert segment.structure is not None
    return segment.structure.index


def _timed(parts: Iterator[PreparedSlices], clock: _Clock) -> Iterator[PreparedSlices]:
    while True:
        started = time.perf_counter()
        part = next(parts, None)
        clock.prepare += time.perf_counter() - started
        if part is None:
            return
        yield part


def _batches(parts: Iterator[PreparedSlices], size: int) -> Iterator[list[PreparedSlices]]:
    """Groups of parts of `size` slices together; a part that does not fit is split, the last group may be
    smaller."""
    batch: list[PreparedSlices] = []
    filled = 0
    for part in parts:
        while filled + len(part.slices) >= size:
            room = size - filled
            yield [*batch, part.part(slice(0, room))]
            part, batch, filled = part.part(slice(room, None)), [], 0
        if part.slices:
            batch.append(part)
            filled += len(part.slices)
    if batch:
        yield batch


def _rows(batch: list[PreparedSlices], prediction: Prediction) -> tuple[SliceScore, ...]:
    scores = prediction.dsc.tolist()
    intervals = [(None, None)] * len(scores) if prediction.interval is None else prediction.interval.tolist()
    predicted = zip(scores, intervals, strict=True)
    rows = []
    for part in batch:
        segment, structure = part.segment, part.segment.structure
        assert structure is not None
        for k, (x, y, z), area in zip(
            part.slices, part.centres.tolist(), part.areas_mm2.tolist(), strict=True
        ):
            score, (low, high) = next(predicted)
            rows.append(
                SliceScore(segment.name, structure.index, structure.name, k, x, y, z, area, score, low, high)
            )
    return tuple(rows)


def _extent(segment: Segment) -> SegmentExtent:
    structure = segment.structure
    voxels = int(segment.voxels().sum())
    millilitres = voxels * float(abs(segment.grid.spacing.prod())) / 1000
    return SegmentExtent(
        segment.name,
        None if structure is None else structure.index,
        "" if structure is None else structure.name,
        voxels,
        millilitres,
    )
