"""The child process: its life, its death, and that nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from flat_rows import slices

from segae.data import Segmentation, Volume
from segae.geometry.grid import Grid
from segae.jobs.events import Cancelled, Event, Failed, Finished, Progress, Scores, command
from segae.jobs.payload import Payload, digest_of, write_payload
from segae.jobs.process import child_command, child_environment
from segae.jobs.scoring_job import WorkerJob
from segae.jobs.settings import JobSettings
from segae.scoring.options import ScoringOptions

Follow = Callable[..., list[Event]]
HERE = Path(__file__).parent
PATIENCE = 60.0


def is_scores(event: Event) -> bool:
    return isinstance(event, Scores)


def failure_of(events: list[Event]) -> Failed:
    last = events[-1]
    assert isinstance(last, Failed), last
    return last


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def is_loading(event: Event) -> bool:
    """The child has read its job."""
    return isinstance(event, Progress) and event.stage == "loading"


def pid_of(worker: WorkerJob) -> int:
    assert worker.child_pid is not None
    return worker.child_pid


def test_the_child_stays_for_the_next_job(
    worker: WorkerJob, ct: Volume, masks: Segmentation, settings: JobSettings, follow: Follow
) -> None:
    worker.start(ct, masks, settings)
    follow(worker)
    child = pid_of(worker)
    twenty = ScoringOptions(only={"aorta": range(10), "spleen": range(30)})
    copy = replace(ct, voxels=ct.voxels.copy())  # a panel reads the volume node again
    worker.start(copy, masks, replace(settings, options=twenty))
    last = follow(worker)[-1]
    assert isinstance(last, Finished) and len(slices(last.report)) >= 20
    assert pid_of(worker) == child
    worker.close()
    assert worker.child_pid is None and not psutil.pid_exists(child)


def test_nothing_is_on_the_disk_while_it_scores(
    worker: WorkerJob,
    ct: Volume,
    masks: Segmentation,
    long_masks: Segmentation,
    settings: JobSettings,
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
    follow: Follow,
) -> None:
    worker.start(ct, long_masks, settings)
    follow(worker, is_scores)
    (folder,) = temporary.iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    assert [path.name for path in folder.rglob("*")] == ["in-use"]
    # And a job that is cancelled now makes room for the next one without losing the child.
    monkeypatch.setattr("segae.jobs.scoring_job._PATIENCE", PATIENCE)
    child = pid_of(worker)
    worker.cancel()
    assert worker.poll()[-1] == Cancelled()
    worker.start(ct, masks, settings)
    events = follow(worker)
    assert isinstance(events[-1], Finished) and pid_of(worker) == child
    scored = {place for event in events if isinstance(event, Scores) for place in event.slices}
    assert scored == {0, 1, 2}


def test_a_child_that_does_not_obey_is_killed(
    worker: WorkerJob,
    ct: Volume,
    long_masks: Segmentation,
    settings: JobSettings,
    temporary: Path,
    follow: Follow,
) -> None:
    worker.start(ct, long_masks, settings)
    follow(worker, is_loading)
    child = pid_of(worker)
    os.kill(child, signal.SIGSTOP)
    worker.cancel()
    assert worker.poll()[-1] == Cancelled()
    wait_until(lambda: worker.poll() == [] and not worker.running, "the job does not stop")
    wait_until(lambda: not psutil.pid_exists(child), "the child lives on, or is a zombie")
    wait_until(lambda: not list(temporary.iterdir()), "files stay behind")


def test_a_killed_child_is_reported_as_out_of_memory(
    worker: WorkerJob, ct: Volume, masks: Segmentation, settings: JobSettings, temporary: Path, follow: Follow
) -> None:
    worker.start(ct, masks, settings)
    follow(worker, is_loading)
    child = pid_of(worker)
    os.kill(child, signal.SIGKILL)
    failed = failure_of(follow(worker))
    assert failed.kind == "memory" and "memory ran out" in failed.sentence
    assert not psutil.pid_exists(child)
    wait_until(lambda: not list(temporary.iterdir()), "files stay behind")


def test_a_crash_is_reported_with_its_signal_and_where_it_was(
    worker: WorkerJob, ct: Volume, masks: Segmentation, settings: JobSettings, follow: Follow
) -> None:
    worker.start(ct, masks, settings)
    follow(worker, is_loading)
    os.kill(pid_of(worker), signal.SIGSEGV)
    failed = failure_of(follow(worker))
    assert failed.kind == "crash" and "SIGSEGV" in failed.sentence
    assert "child.py" in failed.details


def test_a_child_that_dies_between_jobs_is_replaced(
    worker: WorkerJob, ct: Volume, masks: Segmentation, settings: JobSettings, follow: Follow
) -> None:
    worker.start(ct, masks, replace(settings, model="none"))
    follow(worker)
    child = pid_of(worker)
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(child), "the child is a zombie")
    assert worker.poll() == []
    worker.start(ct, masks, settings)
    assert isinstance(follow(worker)[-1], Finished)


def test_a_child_without_work_is_let_go(
    ct: Volume, masks: Segmentation, settings: JobSettings, temporary: Path, follow: Follow
) -> None:
    worker = WorkerJob(idle_seconds=0.1, folder=temporary)
    for _ in range(2):
        worker.start(ct, masks, replace(settings, model="none"))
        child = pid_of(worker)
        assert failure_of(follow(worker)).kind == "input"
        wait_until(lambda child=child: not psutil.pid_exists(child), "the child stays")
        wait_until(lambda: not list(temporary.iterdir()), "files stay behind")
    worker.close()


def test_a_large_ct_neither_blocks_the_caller_nor_outlives_a_cancel(
    worker: WorkerJob, masks: Segmentation, settings: JobSettings, temporary: Path
) -> None:
    large = Volume(np.zeros((400, 512, 512), np.int16), Grid((512, 512, 400), np.eye(4)))
    worker.start(large, masks, settings)
    assert not list(temporary.glob("*/job-1/masks.npy"))  # what comes after the CT
    wait_until(lambda: any(temporary.glob("*/job-1/ct.npy")), "nothing is written")
    worker.cancel()
    assert worker.poll()[-1] == Cancelled()
    assert not list(temporary.glob("*/job-1"))


def test_an_executable_that_is_not_there_is_said_by_name(
    ct: Volume, masks: Segmentation, settings: JobSettings, temporary: Path, follow: Follow
) -> None:
    worker = WorkerJob("/no/such/PythonSlicer", folder=temporary)
    worker.start(ct, masks, settings)
    failed = failure_of(follow(worker))
    assert failed.kind == "start" and "/no/such/PythonSlicer" in failed.sentence
    assert not worker.running and list(temporary.iterdir()) == []


def test_an_executable_that_is_no_python_is_a_crash_with_its_last_words(
    ct: Volume, masks: Segmentation, settings: JobSettings, temporary: Path, tmp_path: Path, follow: Follow
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("#!/bin/sh\necho 'cannot find libpython' >&2\nexit 3\n")
    wrong.chmod(0o755)
    worker = WorkerJob(str(wrong), folder=temporary)
    worker.start(ct, masks, settings)
    failed = failure_of(follow(worker))
    assert failed.kind == "crash" and "code 3 (cannot find libpython)" in failed.sentence
    worker.close()
    assert list(temporary.iterdir()) == []


def test_a_temporary_folder_that_cannot_be_used_is_an_output_error(
    ct: Volume, masks: Segmentation, settings: JobSettings, tmp_path: Path, follow: Follow
) -> None:
    worker = WorkerJob(folder=tmp_path / "not there")
    worker.start(ct, masks, settings)
    assert failure_of(follow(worker)).kind == "output"


def test_the_start_up_variables_of_the_application_do_no_harm(
    ct: Volume, masks: Segmentation, settings: JobSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    follow: Follow, umlaut: str,
) -> None:  # fmt: skip
    for name in ("PYTHONHOME", "PYTHONSTARTUP", "PYTHONPATH"):
        monkeypatch.setenv(name, "/no/such/place")
    monkeypatch.setenv("PYTHONINSPECT", "1")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    folder = tmp_path / f"R{umlaut}ume von Herrn M"
    folder.mkdir()
    worker = WorkerJob(folder=folder)
    worker.start(replace(ct, source="Müller"), masks, settings)
    last = follow(worker)[-1]
    assert isinstance(last, Finished) and last.report.ct == "Müller"
    worker.close()
    assert list(folder.iterdir()) == []


BROKEN_TORCH = {
    "is not there": (
        "ModuleNotFoundError('No module named torch', name='torch')",
        "dependency",
        "torch is not",
    ),
    "cannot be loaded": ("ImportError('libcudart.so is missing')", "dependency", "libcudart.so is missing"),
    "has a fault": ("ZeroDivisionError('a fault')", "crash", "ZeroDivisionError: a fault"),
}


@pytest.mark.parametrize("what", BROKEN_TORCH)
def test_a_torch_that_does_not_work_is_told_from_the_child(
    worker: WorkerJob,
    ct: Volume,
    masks: Segmentation,
    settings: JobSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    follow: Follow,
    what: str,
) -> None:
    error, kind, words = BROKEN_TORCH[what]
    (tmp_path / "torch.py").write_text(f"raise {error}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker.start(ct, masks, settings)
    failed = failure_of(follow(worker))
    assert failed.kind == kind and words in failed.sentence


LAUNCHER = """#!/bin/sh
echo "Launching Python"
PYTHONPATH=/no/such/place "{python}" "$@"
exit $?
"""


def test_a_launcher_that_talks_and_sets_its_own_path_works_and_dies_with_its_child(
    ct: Volume, masks: Segmentation, settings: JobSettings, temporary: Path, tmp_path: Path, follow: Follow
) -> None:
    launcher = tmp_path / "PythonSlicer"
    launcher.write_text(LAUNCHER.format(python=sys.executable))
    launcher.chmod(0o755)
    worker = WorkerJob(str(launcher), folder=temporary)
    worker.start(ct, masks, settings)
    follow(worker, is_loading)
    processes = [psutil.Process(pid_of(worker)), *psutil.Process(pid_of(worker)).children(recursive=True)]
    assert len(processes) == 2
    worker.close()
    wait_until(lambda: not any(process.is_running() for process in processes), "a process lives on")
    assert list(temporary.iterdir()) == []


PARENT = """
import sys, time, resource
from pathlib import Path
sys.path.insert(0, {here!r})
from conftest import SAMPLE, follow
from segae.data import Segmentation
from segae.io.ct import read_ct
from segae.io.segmentation import read_segmentation
from segae.jobs.events import Progress
from segae.jobs.events import command
from segae.jobs.payload import Payload, digest_of, write_payload
from segae.jobs.settings import JobSettings
from segae.jobs.scoring_job import WorkerJob
from segae.jobs.process import child_command, child_environment

ct = read_ct(SAMPLE / "ct.nii.gz")
aorta = read_segmentation(SAMPLE / "segmentations" / "aorta.nii.gz").segments[0]
worker = WorkerJob(folder=Path({folder!r}))
settings = JobSettings(model={model!r}, device="cpu", batch_size=1)
"""
LIVES_ON = """
worker.start(ct, Segmentation((aorta,) * 100), settings)
follow(worker, lambda event: isinstance(event, Progress) and event.stage == {stage!r})
print(worker.child_pid, flush=True)
"""
DISK_FULL = """
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
worker.start(ct, Segmentation((aorta,)), settings)
failed = follow(worker)[-1]
print(failed.kind, "|", failed.sentence)
worker.close()
"""


def parent(script: str, model: Path, temporary: Path, stage: str = "") -> subprocess.Popen[str]:
    """Another process that runs a worker."""
    code = (PARENT + script).format(here=str(HERE), folder=str(temporary), model=str(model), stage=stage)
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )


@pytest.mark.parametrize(
    ("ending", "stage"), [("killed", "scoring"), ("killed", "loading"), ("exits without a word", "loading")]
)
def test_the_child_ends_and_cleans_up_when_its_parent_does(
    model: Path, temporary: Path, ending: str, stage: str
) -> None:
    killed = ending == "killed"
    process = parent(LIVES_ON + ("time.sleep(60)" if killed else ""), model, temporary, stage)
    assert process.stdout is not None
    with process.stdout:
        child = int(process.stdout.readline())
        if killed:
            assert psutil.pid_exists(child) and list(temporary.iterdir())
            process.kill()
        process.wait()
    wait_until(lambda: not psutil.pid_exists(child), "the child lives on")
    assert list(temporary.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing_half_written(model: Path, temporary: Path) -> None:
    process = parent(DISK_FULL, model, temporary)
    said, _ = process.communicate()
    assert process.returncode == 0
    assert said.startswith("output | ") and "free space" in said
    assert list(temporary.iterdir()) == []


def test_the_child_can_be_run_as_a_module_and_ends_with_its_input(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-m", "segae.jobs", str(scratch)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not scratch.exists()


def test_the_child_ends_and_cleans_up_when_nobody_reads_its_events(
    ct: Volume, long_masks: Segmentation, settings: JobSettings, temporary: Path
) -> None:
    """When a parent dies, the events' end may break before stdin's end is seen."""
    scratch = temporary / "scratch"
    scratch.mkdir()
    job = Payload(ct, digest_of(ct.voxels, lambda: None), long_masks, settings)
    write_payload(scratch / "job-1", job, with_ct=True, go_on=lambda: None)
    line, pipe = child_command(sys.executable, scratch), subprocess.PIPE
    with subprocess.Popen(
        line, stdin=pipe, stdout=pipe, env=child_environment(os.environ), bufsize=0
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(command("work", 1, folder=str(scratch / "job-1")))
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(PATIENCE) == 0
        assert list(temporary.iterdir()) == []
