"""Scores the cases of a data set one after the other.

The model is loaded once, and the next cases are read while the network is busy with this one.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from segae.batch.cases import CaseFiles
from segae.batch.store import Failure, ResultStore
from segae.data import Segmentation, Volume
from segae.errors import Cancelled, InputError, OutputError, SegAEError
from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation
from segae.progress import Watch
from segae.report.report import QualityReport
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer

READ_AHEAD = 2  # cases held in memory beside the one that is scored

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """Every `count`-th case from `index` on, for array jobs on many machines."""

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1 or not 0 <= self.index < self.count:
            raise InputError(
                f"Part {self.index} of {self.count} does not exist; --part-id counts from 0 to --num-parts "
                "less 1."
            )

    def of(self, cases: Sequence[CaseFiles]) -> Sequence[CaseFiles]:
        return cases[self.index :: self.count]


@dataclass(frozen=True)
class BatchResult:
    """What a run did: cases scored now, cases that were there already, and cases that failed."""

    scored: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class BatchObserver:
    """Is told how far a batch is. `on_start`: cases to do, cases done before; `on_case`: a case begins;
    `on_report`, `on_failure`: it ended; `watch`: progress inside a case, and the way to cancel."""

    on_start: Callable[[int, int], None] = lambda _todo, _done: None
    on_case: Callable[[CaseFiles], None] = lambda _files: None
    on_report: Callable[[QualityReport], None] = lambda _report: None
    on_failure: Callable[[Failure], None] = lambda _failure: None
    watch: Watch = field(default_factory=Watch)


def run_batch(
    cases: Sequence[CaseFiles],
    out: Path,
    scorer: Scorer,
    options: ScoringOptions | None = None,
    *,
    part: Part | None = None,
    observer: BatchObserver | None = None,
) -> BatchResult:
    """Score the cases of `part` that `out` has no valid report of, and keep each result as soon as it is
    there.

    A case that cannot be scored is kept as a failure and the rest goes on. Raises `OutputError` when results
    cannot be written (every further case would fail too) and `Cancelled`; what was finished before stays.
    """
    options, observer, store = options or ScoringOptions(), observer or BatchObserver(), ResultStore(out)
    mine = (part or Part()).of(cases)
    store.clean(files.case for files in mine)
    sha256, asked = scorer.model.sha256, options.as_dict()
    todo = [files for files in mine if not store.is_done(files, sha256, asked)]
    waiting = {files.case for files in todo}
    skipped = tuple(files.case for files in mine if files.case not in waiting)
    observer.on_start(len(todo), len(skipped))
    scored, failed = [], []
    for files, read in _read_ahead(todo, options):
        observer.on_case(files)
        try:
            ct, segmentation = read.result()
            report = scorer.score_case(
                ct, segmentation, case=files.case, options=options, watch=observer.watch
            )
            store.save(report)
        except (Cancelled, OutputError):
            raise
        except SegAEError as error:
            failed.append(_failure(files, str(error)))
        except Exception as error:  # one broken case must not end a night's work; the log has the details
            log.exception("Case %s ended in an error that is a fault of SegAE", files.case)
            failed.append(
                _failure(files, f"Fault inside SegAE ({type(error).__name__}: {error}); please report it.")
            )
        else:
            scored.append(files.case)
            observer.on_report(report)
            continue
        store.save_failure(failed[-1])
        observer.on_failure(failed[-1])
    return BatchResult(tuple(scored), skipped, tuple(failed))


def _read_ahead(
    cases: Sequence[CaseFiles], options: ScoringOptions
) -> Iterator[tuple[CaseFiles, Future[tuple[Volume, Segmentation]]]]:
    """The cases in their order, each with its reading; the next `READ_AHEAD` are being read meanwhile."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="segae-read") as pool:
        ahead: deque[tuple[CaseFiles, Future[tuple[Volume, Segmentation]]]] = deque()
        try:
            for files in cases:
                ahead.append((files, pool.submit(_read, files, options)))
                if len(ahead) > READ_AHEAD:
                    yield ahead.popleft()
            while ahead:
                yield ahead.popleft()
        finally:
            for _, future in ahead:
                future.cancel()


def _read(files: CaseFiles, options: ScoringOptions) -> tuple[Volume, Segmentation]:
    return read_ct(files.ct), read_segmentation(files.masks, name=files.name, names=options.names)


def _failure(files: CaseFiles, reason: str) -> Failure:
    return Failure(files.case, reason, str(files.ct), str(files.masks))
