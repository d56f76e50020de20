"""Scores the cases of a data set one after the other.

The model is loaded once, and the next cases are read while the network is busy with this one.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segae.batch.store import Failure, ResultStore, report_files
from segae.batch.worklist import CORRECTED, with_correction
from segae.data import Segmentation, Volume
from segae.errors import Cancelled, InputError, SegAEError
from segae.files import reason, shown_path
from segae.io.case_files import read_case
from segae.io.layouts import CaseFiles
from segae.labels.table import LabelTable
from segae.models.checkpoint import file_sha256
from segae.models.registry import find_model
from segae.progress import Watch
from segae.results.files import read_summary
from segae.results.types import CaseReport
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer

READ_AHEAD = 2  # cases held in memory beside the one that is scored

CaseData = tuple[Volume, Segmentation, Mapping[str, Any]]  # with what `CaseFiles.inputs` gave before

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
    on_report: Callable[[CaseReport], None] = lambda _report: None
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
    todo = [files for files in mine if not store.is_done(files, scorer.model.sha256, options)]
    waiting = {files.case for files in todo}
    skipped = tuple(files.case for files in mine if files.case not in waiting)
    observer.on_start(len(todo), len(skipped))
    scored, failed = [], []
    with closing(_read_ahead(todo, options, scorer.model.label_table)) as cases_read:
        for files, read in cases_read:
            observer.on_case(files)
            outcome = _score(files, read, scorer, options, observer.watch)
            if isinstance(outcome, Failure):
                store.save_failure(outcome)
                failed.append(outcome)
                observer.on_failure(outcome)
            else:
                report, inputs = outcome
                store.save(report, files, options, inputs)
                scored.append(files.case)
                observer.on_report(report)
    return BatchResult(tuple(scored), skipped, tuple(failed))


def _score(
    files: CaseFiles, read: Future[CaseData], scorer: Scorer, options: ScoringOptions, watch: Watch
) -> tuple[CaseReport, Mapping[str, Any]] | Failure:
    """The report of a case and what it was made from, or why there is none; raises `Cancelled`."""
    try:
        ct, segmentation, inputs = read.result()
        report = scorer.score_case(ct, segmentation, case=files.case, options=options, watch=watch)
        return report, inputs
    except Cancelled:
        raise
    except SegAEError as error:
        why = str(error)
    except OSError as error:
        why = f'"{error.filename or files.ct}" cannot be read ({reason(error)}); check its permissions.'
    except Exception as error:  # one broken case must not end a night's work; the log has the details
        log.exception("Case %s ended in an error that is a fault of SegAE", files.case)
        why = f"Fault inside SegAE ({type(error).__name__}: {error}); please report it."
    return Failure(files.case, why, shown_path(files.ct), shown_path(files.masks))


def _read_ahead(
    cases: Sequence[CaseFiles], options: ScoringOptions, table: LabelTable
) -> Generator[tuple[CaseFiles, Future[CaseData]], None, None]:
    """The cases in their order, each with its reading; the next `READ_AHEAD` are being read meanwhile. When
    it is closed, what was not begun is not read any more."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="segae-read") as pool:
        ahead: deque[tuple[CaseFiles, Future[CaseData]]] = deque()
        try:
            for files in cases:
                ahead.append((files, pool.submit(_read, files, options, table)))
                if len(ahead) > READ_AHEAD:
                    yield ahead.popleft()
            while ahead:
                yield ahead.popleft()
        finally:
            for _, future in ahead:
                future.cancel()


def _read(files: CaseFiles, options: ScoringOptions, table: LabelTable) -> CaseData:
    inputs = files.inputs(options.names)
    return *read_case(files, options.names, table), inputs


def score_corrected(
    watch: Watch, folder: str, cases: list[str], model: str, device: str, batch_size: int
) -> list[str]:
    """Score the corrected masks of some cases of the results in `folder` like those of any batch, into its
    folder `corrected`; what has a valid report there is passed over.

    Returns sentences about cases that could not be scored. Raises as `run_batch`.
    """
    results = Path(folder)
    files = [one for case in cases if (one := _corrected_files(results, case)) is not None]
    store, sha256 = ResultStore(results / CORRECTED), file_sha256(find_model(model))
    todo = [one for one in files if not store.is_done(one, sha256, ScoringOptions())]
    if not todo:
        return []
    scorer = Scorer(model, device=device, batch_size=batch_size)
    done = run_batch(todo, store.folder, scorer, observer=BatchObserver(watch=watch))
    return [failure.reason for failure in done.failed]


def _corrected_files(results: Path, case: str) -> CaseFiles | None:
    """CT and corrected masks of a case; None when one of them is not there any more."""
    report = ResultStore(results).report_path(case)
    if not report.exists():  # the folder of a single case
        report = report_files(results)[0]
    judged = read_summary(report)
    if judged.case != case:
        return None
    files = CaseFiles.of_report(case, judged.ct, judged.segmentation, judged.options, judged.patient)
    return with_correction(files, results)
