"""Scores cases with one loaded model."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from segae.checks.preflight import Preflight, check_rules, run_preflight
from segae.data import Segment, Segmentation, Volume
from segae.errors import ModelError
from segae.finding import Finding
from segae.inputs.build import ModelInput
from segae.inputs.prepare import (
    PreparedSlices,
    batches,
    empty_count,
    prepare,
    prepare_empty,
    slice_count,
)
from segae.inputs.stack import CTStack
from segae.labels.structure import Structure
from segae.models.output import ModelOutput
from segae.models.quality_model import QualityModel
from segae.progress import Watch
from segae.results.types import CaseReport, SliceResult
from segae.results.verdicts import Doubts
from segae.scoring.assemble import places_of, segment_results, slice_results
from segae.scoring.device import AUTO, choose_device
from segae.scoring.engines import Answer, ahead, make_runner
from segae.scoring.occupied import occupied_by, without_occupied
from segae.scoring.ood import image_measures, unlike, unlike_findings
from segae.scoring.options import ScoringOptions, with_published_map

STAGE = "scoring"
_PLAUSIBLE = (-0.25, 1.25)  # raw scores of a network that was trained; nothing bounds them
_MOST_IMPLAUSIBLE = 0.05  # of the slices

Slices = Mapping[int, tuple[SliceResult, ...]]  # scored slices by the place of their segment


@dataclass
class _Run:
    """What comes together while slices are scored: seconds spent in preparing and in the network, slices by
    the place of their segment, and for each segment how many of its slices look unlike the training."""

    prepare: float = 0.0
    network: float = 0.0
    slices: dict[int, list[SliceResult]] = field(default_factory=dict)
    unlike: dict[str, list[bool]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Work:
    """The slices of one segment that are scored: how many, and where they come from."""

    count: int
    parts: Iterator[PreparedSlices]


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
    ) -> CaseReport:
        """Preflight, then every chosen slice of every structure.

        Raises `InputError` with the preflight's sentence when it finds an error.
        """
        options = options or ScoringOptions()
        checked = self.check(ct, segmentation, options)
        return self.score_checked(ct, segmentation, checked, case=case, options=options, watch=watch)

    def check(self, ct: Volume, segmentation: Segmentation, options: ScoringOptions) -> Preflight:
        """Everything that is looked at before a score: what of `segmentation` can be scored, and the
        findings."""
        named = _named(segmentation, options)
        searched = bool(self._to_look_for(named.segments, options))
        checked = run_preflight(
            ct, named, resample=options.resample, may_be_empty=searched, ct_grid=options.ct_grid
        )
        known, unknown = self._by_vector(checked.segmentation.segments)
        # When some slices are scored again, nothing new is said about the case as a whole.
        rules = check_rules(checked.segmentation, ct) if options.only is None else ()
        findings = (*checked.findings, *unknown, *rules)
        return Preflight(findings, Segmentation(known, checked.segmentation.source))

    def score_checked(
        self,
        ct: Volume,
        segmentation: Segmentation,
        checked: Preflight,
        *,
        case: str = "case",
        options: ScoringOptions | None = None,
        watch: Watch | None = None,
        stack: CTStack | None = None,
    ) -> CaseReport:
        """Score what `check` left of `segmentation`; raises `InputError` when it found an error.

        `stack`: what `orient` made of the CT, for a caller that needs it again afterwards.
        """
        parts = self.stream_checked(
            ct, segmentation, checked, case=case, options=options, watch=watch, stack=stack
        )
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
        stack: CTStack | None = None,
    ) -> Generator[Slices, None, CaseReport]:
        """`score_checked` a batch at a time: yields the slices as they come, by the place of their segment in
        `segmentation`, and returns the report."""
        options, watch, run = options or ScoringOptions(), watch or Watch(), _Run()
        checked.raise_for_errors()
        started = time.perf_counter()
        stack = stack or self.orient(ct)
        named = _named(segmentation, options).segments
        segments = (*checked.segmentation.segments, *self._to_look_for(named, options))
        places = places_of(segments, named)
        occupied = occupied_by(stack, segments) if self._searches(options) else None
        for part in self._stream(stack, segments, options, watch, run, occupied):
            if part:
                yield {places[n]: slices for n, slices in part.items()}
        findings = (*checked.findings, *unlike_findings(run.unlike, self.model.spec.name))
        slices = {places[n]: slices for n, slices in run.slices.items()}
        axis = stack.slice_axis
        return CaseReport(
            case=case,
            ct=ct.source,
            segmentation=str(segmentation.source),
            model=self.model.identity,
            segments=segment_results(named, slices, self.model.spec.intervals, Doubts(findings), axis),
            findings=findings,
            timings={
                "prepare": run.prepare,
                "network": run.network,
                "total": time.perf_counter() - started,
            },
            options=options.as_dict(),
            slice_axis=axis,
        )

    def orient(self, ct: Volume) -> CTStack:
        """The CT as `stream` wants it."""
        return CTStack.of(ct, self.model.spec.input, self.device)

    def stream(
        self,
        stack: CTStack,
        segments: Sequence[Segment],
        options: ScoringOptions | None = None,
        watch: Watch | None = None,
    ) -> Iterator[Slices]:
        """Scored slices as they come, a batch at a time, by the place of their segment, for segments that lie
        on the CT's grid and passed the preflight."""
        parts = self._stream(stack, segments, options or ScoringOptions(), watch or Watch(), _Run())
        return (scores for scores in parts if scores)

    def predict(self, inputs: ModelInput) -> ModelOutput:
        """What the network says about inputs that `segae.inputs` built, on the CPU; raises `ModelError` when
        its raw scores are no Dice."""
        output = self._runner.submit(inputs)()
        refuse_implausible(self.model, count_implausible(output.score), len(inputs))
        return output

    def _stream(
        self,
        stack: CTStack,
        segments: Sequence[Segment],
        options: ScoringOptions,
        watch: Watch,
        run: _Run,
        occupied: Tensor | None = None,
    ) -> Iterator[Slices]:
        spec, place_of = self.model.spec, {id(segment): n for n, segment in enumerate(segments)}
        work = [self._work(stack, segment, options) for segment in segments]
        total, done = sum(one.count for one in work), 0
        watch.step(STAGE, done, total)
        parts = self._timed((part for one in work for part in one.parts), run)
        groups = batches(ahead(parts, self._runner.workers), self.batch_size)
        implausible = 0
        for batch, inputs, output in self._predicted(groups, run):
            implausible += count_implausible(output.score)
            refuse_implausible(self.model, implausible, total)
            odd: list[bool] = []
            if spec.typical:
                odd = unlike(image_measures(inputs.images, spec.input), spec.typical).tolist()
            for name, is_odd in zip(_scored_names(batch), odd, strict=False):
                run.unlike.setdefault(name, []).append(is_odd)
            if occupied is not None:
                output = without_occupied(batch, output, occupied)
            scored: dict[int, tuple[SliceResult, ...]] = {}
            for segment, slices in slice_results(batch, output, spec.intervals, stack.spacing[0]):
                place = place_of[id(segment)]
                run.slices.setdefault(place, []).extend(slices)
                with_mask = tuple(one for one in slices if one.raw_score is not None)
                if with_mask:
                    scored[place] = scored.get(place, ()) + with_mask
            done += len(inputs)
            yield scored
            watch.step(STAGE, done, total)

    def _predicted(
        self, groups: Iterator[list[PreparedSlices]], run: _Run
    ) -> Iterator[tuple[list[PreparedSlices], ModelInput, ModelOutput]]:
        """Each batch with what the network says about it, which computes while the next one is prepared."""
        waiting: deque[tuple[list[PreparedSlices], ModelInput, Answer]] = deque()
        batch = next(groups, None)
        while batch is not None or waiting:
            started = time.perf_counter()
            if batch is not None:
                inputs = ModelInput.concatenate([part.input for part in batch])
                waiting.append((batch, inputs, self._runner.submit(inputs)))
            if batch is None or len(waiting) > 1:
                first, inputs, answer = waiting.popleft()
                output = answer()
                run.network += time.perf_counter() - started
                yield first, inputs, output
            batch = next(groups, None)

    def _timed(self, parts: Iterator[PreparedSlices], run: _Run) -> Iterator[PreparedSlices]:
        while True:
            started = time.perf_counter()
            part = next(parts, None)
            run.prepare += time.perf_counter() - started
            if part is None:
                return
            yield part

    def _work(self, stack: CTStack, segment: Segment, options: ScoringOptions) -> _Work:
        spec, search = self.model.spec.input, self._searches(options)
        if segment.is_empty:
            return _Work(empty_count(stack), prepare_empty(stack, segment, spec))
        chosen = options.slices, options.slices_of(segment.name)
        count = slice_count(stack, segment, *chosen, search=search)
        return _Work(count, prepare(stack, segment, spec, *chosen, search=search))

    def _searches(self, options: ScoringOptions) -> bool:
        """Whether organs are looked for where they have no mask."""
        return self.model.spec.predicts_areas and options.every_slice

    def _to_look_for(self, segments: Sequence[Segment], options: ScoringOptions) -> tuple[Segment, ...]:
        """The empty masks whose organ this model can look for, when everything is to be scored."""
        if not (self._searches(options) and self.model.spec.input.position_features):
            return ()
        return tuple(
            s for s in segments if s.is_empty and s.structure is not None and self._has_learned(s.structure)
        )

    def _has_learned(self, structure: Structure) -> bool:
        return self.model.knows(structure) and self.model.trained_on(structure)

    def _by_vector(self, segments: Sequence[Segment]) -> tuple[tuple[Segment, ...], list[Finding]]:
        """Segments whose name the model has a vector for, and findings: about each of the others, an error
        when nothing is left to score, and about names that were never trained."""
        known = tuple(s for s in segments if s.structure is not None and self.model.knows(s.structure))
        name = self.model.spec.name
        findings = []
        for segment in segments:
            if segment not in known:
                code, severity = "NAME_NOT_IN_MODEL", "warning" if known else "error"
                text = (
                    f'Model "{name}" has no vector for "{segment.structure}", so segment "{segment.name}" is '
                    "not scored; use a model that knows it."
                )
            elif segment.structure is not None and not self.model.trained_on(segment.structure):
                code, severity = "NAME_NOT_TRAINED", "warning"
                text = (
                    f'Model "{name}" was never trained on "{segment.structure}", so the score of segment '
                    f'"{segment.name}" is a guess from similar names; do not rely on it.'
                )
            else:
                continue
            findings.append(Finding(code, severity, text, (segment.name,), segment.source))
        return known, findings


def count_implausible(scores: Tensor) -> int:
    """How many raw scores can be no Dice, with some room."""
    low, high = _PLAUSIBLE
    return int((~((scores >= low) & (scores <= high))).sum())  # NaN too


def refuse_implausible(model: QualityModel, count: int, total: int) -> None:
    """Raises `ModelError` when more than a few of `total` raw scores, `count` of them, can be no Dice."""
    if count > _MOST_IMPLAUSIBLE * total:
        low, high = _PLAUSIBLE
        raise ModelError(
            f'Model "{model.spec.name}" is broken or hardly trained: {count} of {total} raw scores lie '
            f"outside {low} to {high}; use another model, or train it for longer."
        )


def _named(segmentation: Segmentation, options: ScoringOptions) -> Segmentation:
    return with_published_map(segmentation) if options.published_map else segmentation


def _scored_names(batch: Sequence[PreparedSlices]) -> list[str]:
    return [part.segment.name for part in batch for _ in part.slices]
