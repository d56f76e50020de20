"""What the headless script does: `segae batch` on a data set, or the same on scenes. No Qt, no window."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from segae.batch.layouts import find_cases
from segae.batch.runner import BatchObserver, BatchResult, Part, run_batch
from segae.batch.store import Failure
from segae.cli.output import check_folder
from segae.errors import InputError, SegAEError
from segae.progress import Step, Watch
from segae.report import QualityReport
from segae.scoring.options import ScoringOptions
from SegAELib.app.dependencies import missing_packages
from SegAELib.app.headless_options import parse
from SegAELib.app.scene_batch import SCENES, find_scenes, run_scenes

USER_ERROR, SOME_FAILED = 2, 3  # those of `segae`
EVERY = 5.0  # seconds between two lines about the same case


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 done, 2 for what a user can put right (said in one line), 3 when some cases failed."""
    options = parse(arguments)
    try:
        result = _run(options)
    except SegAEError as error:
        print(f"segae: {error}", file=sys.stderr, flush=True)
        return USER_ERROR
    print(
        f"{len(result.scored)} scored, {len(result.skipped)} done before, {len(result.failed)} failed; "
        f"results are in {options.out}.",
        flush=True,
    )
    return SOME_FAILED if result.failed else 0


def _run(asked: argparse.Namespace) -> BatchResult:
    missing = missing_packages()
    if missing:
        names = ", ".join(state.requirement for state in missing)
        raise InputError(f"Scoring needs {names}; install them with the button in the module SegAE.")
    from segae.scoring.scorer import Scorer

    options = ScoringOptions(asked.slices, asked.resample, asked.published_map, asked.names)
    part = Part(asked.part_id, asked.num_parts)
    check_folder(asked.out)
    scenes = find_scenes(asked.data)
    if asked.write_back and not scenes:
        raise InputError(f'"{asked.data}" holds no scenes ({", ".join(SCENES)}); leave --write-back out.')
    cases = () if scenes else find_cases(asked.data, asked.masks)
    scorer = Scorer(asked.model, device=asked.device, engine=asked.engine, batch_size=asked.batch_size)
    if scenes:
        return run_scenes(
            scenes[part.index :: part.count], asked.out, scorer, options, lines(), asked.write_back
        )
    return run_batch(cases, asked.out, scorer, options, part=part, observer=lines())


def lines() -> BatchObserver:
    """An observer that prints a line per case and, in between, one every few seconds."""
    last = time.monotonic()

    def on_step(step: Step) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            _say(f"  {step.stage}: {step.done} of {step.total}")

    def on_report(report: QualityReport) -> None:
        summary = report.case_score()
        _say(
            f"{report.case}: {summary.n_structures} structures, {summary.n_slices} slices, mean "
            f"{summary.predicted_dice:.2f}, lowest {summary.worst_segment}"
        )

    def on_failure(failure: Failure) -> None:
        _say(f"{failure.case}: not scored. {failure.reason}")

    return BatchObserver(
        on_start=lambda todo, done: _say(f"{todo} to score, {done} done before"),
        on_case=lambda files: _say(f"{files.case} ..."),
        on_report=on_report,
        on_failure=on_failure,
        watch=Watch(on_step),
    )


def _say(text: str) -> None:
    print(text, flush=True)
