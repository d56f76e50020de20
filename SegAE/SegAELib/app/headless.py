"""The command line of the headless script: that of `segae batch`."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from segae.batch.runner import BatchObserver, BatchResult, Part, run_batch
from segae.batch.store import Failure
from segae.batch.worklist import with_corrections
from segae.cli.output import check_folder
from segae.errors import Cancelled, InputError, SegAEError, speak_to_command_line
from segae.io.layouts import Layout, find_layout
from segae.progress import Step, Watch
from segae.results.types import CaseReport
from segae.scoring.options import ScoringOptions
from SegAELib.app.dependencies import missing_packages
from SegAELib.app.scene_batch import SCENES, find_scenes, run_scenes

_DESCRIPTION = (
    "Scores a data set or scenes without a window. Results: a CSV file per case under OUT/cases, and the "
    "reason for each case that could not be scored under OUT/failed; run again to do only what is missing."
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Raises SystemExit after --help or for options that are wrong, as argparse does."""
    parser = argparse.ArgumentParser("segae_batch", description=_DESCRIPTION)
    add = parser.add_argument
    add(
        "data",
        type=Path,
        metavar="DATA",
        help="data set in TotalSegmentator's layout, CSV manifest (ct, masks, name), folder of CTs with "
        "--masks, a scene (.mrb, .mrml), or a folder of scenes",
    )
    add("--out", type=Path, required=True, help="folder for the results")
    add("--masks", type=Path, help="folder of multi-label masks (DAP Atlas), matched by name")
    add("--corrected", type=Path, help="results whose corrected masks are taken in place of the data set's")
    add("--names", type=Path, help="file or scheme (dap, amos, ...) that names a multi-label file's values")
    add("--model", default="bundled", help="bundled model by name, or a .safetensors file")
    add("--slices", type=int, help="score this many evenly spread slices per structure instead of all")
    add("--resample", action="store_true", help="bring masks on another grid to the CT's")
    add("--ct-grid", action="store_true", help="take the CT's grid for masks that lost their place")
    add("--published-map", action="store_true", help=argparse.SUPPRESS)
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    add("--engine", default="torch", help="torch, or onnx for onnxruntime on the CPU")
    add("--batch-size", type=int, default=32, help="slices per network call")
    add("--num-parts", type=int, default=1, help="split the cases into this many parts (array jobs)")
    add("--part-id", type=int, default=0, help="which part this job does, from 0")
    add("--write-back", action="store_true", help="save the scores in the scene files")
    return parser.parse_args(arguments)


USER_ERROR, SOME_FAILED, INTERRUPTED = 2, 3, 130  # those of `segae`
EVERY = 5.0  # seconds between two lines about the same case


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 done, 2 for what a user can put right (said in one line), 3 when some cases failed, 130
    after Ctrl-C."""
    options = parse(arguments)
    speak_to_command_line()
    try:
        with _ctrl_c():
            result = _run(options)
    except (Cancelled, KeyboardInterrupt):
        kept = len(list((options.out / "cases").glob("*.csv")))
        print(
            f'segae: stopped. {kept} {"report is" if kept == 1 else "reports are"} kept in "{options.out}"; '
            "the same command goes on with the rest.",
            file=sys.stderr, flush=True,
        )  # fmt: skip
        return INTERRUPTED
    except SegAEError as error:
        print(f"segae: {error}", file=sys.stderr, flush=True)
        return USER_ERROR
    print(
        f"{len(result.scored)} scored, {len(result.skipped)} done before, {len(result.failed)} failed; "
        f"results are in {options.out}.",
        flush=True,
    )
    return SOME_FAILED if result.failed else 0


@contextmanager
def _ctrl_c() -> Iterator[None]:
    """Inside, Ctrl-C raises KeyboardInterrupt; the application's Python leaves it to end the process."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _run(asked: argparse.Namespace) -> BatchResult:
    missing = missing_packages()
    if missing:
        names = ", ".join(state.requirement for state in missing)
        raise InputError(f"Scoring needs {names}; install them with the button in the module SegAE.")
    from segae.scoring.scorer import Scorer

    options = ScoringOptions(
        asked.slices, asked.resample, asked.published_map, asked.names, ct_grid=asked.ct_grid
    )
    part = Part(asked.part_id, asked.num_parts)
    check_folder(asked.out)
    scenes = find_scenes(asked.data)
    if asked.corrected is not None and scenes:
        raise InputError(
            f'"{asked.data}" holds scenes, which have masks of their own; leave --corrected out.'
        )
    if asked.write_back and not scenes:
        raise InputError(f'"{asked.data}" holds no scenes ({", ".join(SCENES)}); leave --write-back out.')
    found = Layout(()) if scenes else find_layout(asked.data, asked.masks)
    for one in found.left_out:
        _say(f"{one.code} {one.message}")
    cases = found.cases if asked.corrected is None else with_corrections(found.cases, asked.corrected)
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

    def on_report(report: CaseReport) -> None:
        _say(
            f"{report.case}: {report.n_segments} structures, {report.n_slices} slices, mean "
            f"{report.predicted_dice or 0.0:.2f}, lowest {report.worst_segment}"
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
