"""Real processes: killed at any moment a batch loses nothing and does nothing twice; Ctrl-C ends it well."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from flat_rows import FlatRow, slices

from segae.batch.merge import merge
from segae.batch.runner import run_batch
from segae.batch.store import ResultStore
from segae.cli.batch import batch
from segae.files import resource_dir, whole_file
from segae.io.layouts import find_cases
from segae.results.files import read_report
from segae.scoring.scorer import Scorer

MakeCase = Callable[..., Path]
CASES = ("a", "b", "c", "d", "e")
PATIENCE = 300.0  # seconds


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, make_case: MakeCase) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    for case in CASES:
        make_case(folder / case, "vertebrae_T11", "lung_upper_lobe_left")
    return folder


@pytest.fixture
def model(mild_checkpoint: Callable[[str], Path]) -> Path:
    return mild_checkpoint("LAS")


@pytest.fixture(scope="module")
def processes():
    """Starts processes that have torch loaded already, so that they can be killed early in their work."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["segae.scoring.scorer", "segae.batch.runner", "segae.cli.batch", "segae.batch.merge"]
    )
    with pytest.MonkeyPatch.context() as patch:  # the server that starts them finds SegAE by this
        patch.setenv("PYTHONPATH", str(resource_dir().parent))
        yield context


def files_in(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "cases").glob("[!.]*")}


def slices_of(out: Path) -> dict[str, tuple[FlatRow, ...]]:
    return {path.stem: slices(read_report(path)) for path in sorted((out / "cases").glob("[!.]*"))}


def wait_for(condition: Callable[[], bool], process: BaseProcess | subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        ended = process.poll() if isinstance(process, subprocess.Popen) else process.exitcode
        assert ended is None, f"ended too early, with {ended}"
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_batch_killed_again_and_again_ends_like_one_that_was_left_alone(
    data: Path, scorer: Scorer, model: Path, processes, tmp_path: Path
):
    out, alone = tmp_path / "out", tmp_path / "alone"
    moments = random.Random(5)
    kept: dict[str, bytes] = {}

    def start() -> BaseProcess:
        process = processes.Process(target=batch, args=(data, out), kwargs={"model": model, "device": "cpu"})
        process.start()
        return process

    for n_finished in (0, 1, 3):
        process = start()
        wait_for(lambda n=n_finished: len(files_in(out)) >= n, process)
        time.sleep(moments.uniform(0, 0.5))
        process.kill()
        process.join()
        finished = files_in(out)
        assert kept.items() <= finished.items()  # what was there is neither lost nor made again
        slices_of(out)  # and it is whole
        kept = finished
    process = start()
    process.join(PATIENCE)
    assert process.exitcode == 0
    assert kept.items() <= files_in(out).items()

    run_batch(find_cases(data), alone, scorer)
    written = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert written == [f"cases/{case}.parquet" for case in CASES]
    scores, expected = slices_of(out), slices_of(alone)
    for case in CASES:
        assert [(row.segment, row.slice) for row in scores[case]] == [
            (row.segment, row.slice) for row in expected[case]
        ]
        assert [row.raw_score for row in scores[case]] == pytest.approx(
            [row.raw_score for row in expected[case]], abs=1e-5
        )


@pytest.mark.parametrize("n_files", [1, 3, 5])
def test_a_merge_killed_while_it_writes_gives_the_same_tables_when_it_is_run_again(
    data: Path, scorer: Scorer, processes, tmp_path: Path, n_files: int
):
    out = tmp_path / "out"
    run_batch(find_cases(data), out, scorer)
    reports = files_in(out)
    process = processes.Process(target=merge, args=(out,))
    process.start()
    wait_for(lambda: len(list(out.iterdir())) >= n_files, process)
    process.kill()
    process.join()
    tables = merge(out)
    written = [path.read_bytes() for path in (tables.long, tables.wide, *tables.rankings, tables.failures)]
    assert not list(out.glob(".*")) and files_in(out) == reports
    again = merge(out)
    assert written == [
        path.read_bytes() for path in (again.long, again.wide, *again.rankings, again.failures)
    ]


def _die_while_writing(path: Path) -> None:
    with whole_file(path) as stream:
        stream.write(b"# segae-report {")
        stream.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_half_written_file_counts_for_nothing_and_is_gone_after_the_next_run(
    data: Path, scorer: Scorer, tmp_path: Path
):
    store = ResultStore(tmp_path / "out")
    child = os.fork()
    if child == 0:
        _die_while_writing(store.report_path("a"))
    os.waitpid(child, 0)
    (left,) = (store.folder / "cases").iterdir()
    assert left.name.endswith(".part")
    assert run_batch(find_cases(data / "a"), store.folder, scorer).scored == ("a",)
    assert [path.name for path in (store.folder / "cases").iterdir()] == ["a.parquet"]


def _listens_to_ctrl_c() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_with_130_and_one_line_and_keeps_what_was_finished(
    data: Path, model: Path, tmp_path: Path
):
    out = tmp_path / "out"
    command = ["batch", str(data), "--out", str(out), "--model", str(model), "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "segae", *command],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(resource_dir().parent), "OMP_NUM_THREADS": "1"},
        preexec_fn=_listens_to_ctrl_c,
    )
    wait_for(lambda: "a.parquet" in files_in(out), process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "segae: stopped; what was finished before is kept."
    assert "Traceback" not in errors
    finished = tuple(slices_of(out))
    assert finished == CASES[: len(finished)]
    assert len(finished) < len(CASES)
    assert not list(out.rglob("*.part"))
