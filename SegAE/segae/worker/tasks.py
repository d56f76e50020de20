"""What a job may be, each as a row of events."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segae.data import Segmentation, Volume
from segae.errors import InputError, ModelError
from segae.preflight.findings import Preflight
from segae.progress import CancelToken, Step, Watch
from segae.worker.events import Event, Finished, Located, NamesChecked, Progress, Scores
from segae.worker.settings import JobSettings
from segae.worker.stepwise import steps_of

if TYPE_CHECKING:
    from segae.scoring.scorer import Scorer


@dataclass(frozen=True, eq=False)
class Work:
    """A loaded model, a case, and what the preflight left of it."""

    scorer: Scorer
    ct: Volume
    segmentation: Segmentation
    checked: Preflight
    settings: JobSettings
    cancel: CancelToken


def score(work: Work) -> Iterator[Event]:
    """`Scores` as they come, then `Finished`."""
    announced: list[Step] = []
    parts = work.scorer.stream_checked(
        work.ct,
        work.segmentation,
        work.checked,
        case=work.settings.case,
        options=work.settings.options,
        watch=Watch(announced.append, work.cancel),
    )
    started, scored = time.perf_counter(), 0
    while True:
        try:
            rows = next(parts)
        except StopIteration as finished:
            yield Finished(finished.value)
            return
        if all(math.isfinite(row.score) for row in rows):  # the report refuses the others, and says so
            yield Scores(rows)
        scored += len(rows)
        step = announced[-1]  # of the batch before; slices that are only searched count there too
        yield Progress("scoring", max(scored, step.done), step.total, time.perf_counter() - started)


def locate(work: Work) -> Iterator[Event]:
    """`Located` for the only segment there is. Raises `ModelError` for a model that cannot say where an organ
    is, `InputError` for a mask that cannot be used."""
    from segae.scoring.error_map import locate_errors

    spec = work.scorer.model.spec
    if not spec.predicts_areas:
        raise ModelError(
            f'The model "{spec.name}" predicts how good a mask is, not where it is wrong; choose one of the '
            "architecture segae-dense."
        )
    yield Progress("locating")
    work.cancel.raise_if_cancelled()
    work.checked.raise_for_errors()
    filled, asked = work.checked.segmentation.segments, work.segmentation.segments
    segments = filled or [one for one in asked if one.is_empty and one.structure is not None]
    if len(segments) != 1:
        raise InputError("The errors of one mask can be shown at a time; choose one that has a name.")
    errors = locate_errors(work.scorer, work.scorer.orient(work.ct), segments[0])
    yield Located(errors.missing, errors.extra)


def check_names(work: Work) -> Iterator[Event]:
    """`NamesChecked` for all masks with voxels."""
    from segae.names.check import check_names as check

    work.checked.raise_for_errors()
    segments = work.checked.segmentation.segments
    findings = work.checked.findings  # what the rules say is among them
    checks = yield from steps_of(
        lambda watch: check(work.scorer, work.ct, segments, findings, watch=watch), work.cancel
    )
    yield NamesChecked(checks)
