"""`segae batch --slurm` on a real Slurm gives the tables of a plain batch, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet
import pytest
from one_machine_slurm import PATIENCE, Slurm, wait_for

from segae.batch.merge import merge
from segae.batch.runner import run_batch
from segae.files import resource_dir
from segae.io.layouts import find_cases
from segae.scoring.scorer import Scorer

LONG = "e"  # the last case of the first of two jobs, with a large mask
TABLES = ("scores_wide.csv", "ranking_slice.csv", "ranking_structure.csv", "ranking_case.csv", "failed.csv")


@pytest.fixture(scope="module")
def alone(six_cases: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a plain batch, merged."""
    out = tmp_path_factory.mktemp("alone") / "out"
    run_batch(find_cases(six_cases), out, Scorer(model, device="cpu"))
    merge(out)
    return out


@dataclass(frozen=True)
class Command:
    """`segae batch DATA --out OUT --slurm`, as a process or in this one."""

    words: tuple[str, ...]
    out: Path
    slurm: Slurm
    segae: Callable[..., Any]

    def start(self, *more: str, **process: object) -> subprocess.Popen[str]:
        """Listens to Ctrl-C even where what starts it does not."""
        return subprocess.Popen(
            [sys.executable, "-m", "segae", *self.words, *more],
            stdout=subprocess.PIPE,
            **{"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, **process},
            text=True,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )

    def ended(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        """Exit code and what stands on stderr."""
        errors = process.communicate(timeout=PATIENCE)[1]
        assert "Traceback" not in errors
        return process.returncode, errors

    def run(self, *more: str) -> tuple[int, str]:
        """The same in this process, which has torch loaded already."""
        outcome = self.segae(*self.words, *more)
        return outcome.code, outcome.err

    @property
    def finished(self) -> list[str]:
        return sorted(path.stem for path in (self.out / "cases").glob("[!.]*"))

    @property
    def state(self) -> Path:
        return self.out / "cluster.json"

    def jobs(self) -> list[str]:
        """Jobs of the parts, as far as they are noted."""
        parts = json.loads(self.state.read_bytes())["parts"] if self.state.exists() else []
        return [part["job"] for part in parts if part["job"] is not None]

    def working(self) -> tuple[list[str], list[psutil.Process]]:
        """The jobs, and the processes of the first one as soon as they are there."""
        wait_for(lambda: len(self.jobs()) == 2, "nothing was submitted")
        jobs = self.jobs()
        wait_for(lambda: self.slurm.workers(jobs[0]), "the job does not start")
        return jobs, self.slurm.workers(jobs[0])


@pytest.fixture
def command(
    segae: Callable[..., Any],
    six_cases: Path,
    model: Path,
    tmp_path: Path,
    slurm: Slurm,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Command]:
    for name, value in (slurm.environment | {"PYTHONPATH": str(resource_dir().parent)}).items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "out"
    words = ("batch", str(six_cases), "--out", str(out), "--model", str(model), "--device", "cpu")
    yield Command((*words, "--slurm", "--jobs", "2"), out, slurm, segae)
    slurm.cancel_all()


def assert_same_tables(out: Path, alone: Path) -> None:
    """Every row once and with the same numbers; and nothing is left of the jobs."""
    for name in TABLES:
        assert (out / name).read_bytes() == (alone / name).read_bytes(), name
    table, expected = (pyarrow.parquet.read_table(folder / "scores.parquet") for folder in (out, alone))
    assert table.equals(expected)
    assert {path.name for path in out.iterdir()} == {path.name for path in alone.iterdir()}


def test_jobs_give_the_tables_of_a_plain_batch(command: Command, alone: Path):
    code, errors = command.run("--partition", "main", "--time", "0:10:00", "--mem", "2G", "--cpus", "1")
    lines = errors.splitlines()
    assert code == 3
    assert lines[0] == "6 cases to score in 2 jobs, 0 done before"
    assert lines[1].startswith('d: "')
    assert lines[2] == (f"5 scored, 0 done before, 1 failed, 0 not scored; results are in {command.out}.")
    assert_same_tables(command.out, alone)


def test_a_job_that_is_killed_is_submitted_again(command: Command, alone: Path):
    process = command.start()
    (first, second), workers = command.working()
    wait_for(lambda: "a" in command.finished, "no case was scored")
    for worker in workers:
        worker.kill()
    assert LONG not in command.finished
    code, errors = command.ended(process)
    assert code == 3
    assert f"Part 1: job {first} was lost and goes on as job " in errors
    assert f"job {second} was lost" not in errors
    assert_same_tables(command.out, alone)


def test_a_job_that_is_cancelled_by_hand_is_listed_and_left_to_the_next_run(
    command: Command, slurm: Slurm, alone: Path
):
    process = command.start()
    (first, _), _ = command.working()
    slurm.ask("scancel", first)
    code, errors = command.ended(process)
    assert code == 3
    assert f"job {first} was cancelled by hand." in errors
    assert "Part 1 of 2 ended with " in errors
    assert not command.state.exists()
    wait_for(lambda: not slurm.jobs(), "a job is left")
    _, errors = command.run()
    assert "cases to score in 2 jobs, " in errors
    assert "1 failed, 0 not scored" in errors
    assert_same_tables(command.out, alone)


def test_a_job_that_must_leave_goes_back_into_the_queue_by_itself(command: Command, slurm: Slurm):
    process = command.start()
    (first, _), workers = command.working()
    process.kill()
    process.communicate()
    wait_for(lambda: "a" in command.finished, "no case was scored")
    assert LONG not in command.finished
    slurm.ask("scancel", "--signal=USR2", first)
    psutil.wait_procs(workers, PATIENCE)
    waiting = ("squeue", "--noheader", "--array", "--states=PENDING", "--format=%i")
    wait_for(lambda: slurm.ask(*waiting).split() == [first], "the job does not wait for its next turn")
    assert LONG not in command.finished


def test_a_preempted_job_goes_on_where_it_was(command: Command, slurm: Slurm, alone: Path):
    process = command.start()
    (first, _), _ = command.working()
    wait_for(lambda: "a" in command.finished, "no case was scored")
    kept = (command.out / "cases/a.parquet").stat().st_mtime_ns
    slurm.ask("sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 1")
    _, errors = command.ended(process)
    assert "Restarts=1" in slurm.ask("scontrol", "show", "job", first)
    assert (command.out / "cases/a.parquet").stat().st_mtime_ns == kept
    assert "lost" not in errors
    assert_same_tables(command.out, alone)


def test_ctrl_c_leaves_the_jobs_and_the_same_command_follows_them(
    command: Command, slurm: Slurm, alone: Path
):
    process = command.start()
    wait_for(lambda: len(command.jobs()) == 2, "nothing was submitted")
    jobs = command.jobs()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    code, errors = command.ended(process)
    name = json.loads(command.state.read_bytes())["run"]
    assert code == 130
    assert f"scancel --name={name} ends them." in errors
    assert sorted(slurm.jobs()) == sorted(jobs)

    code, errors = command.run("--mem", "3G")
    assert code == 2
    assert errors == (
        f'segae: A run with another --mem is under way in "{command.out}"; give the same options to follow '
        f"it, or end it with scancel --name={name}\n"
    )
    code, errors = command.run()
    assert errors.splitlines()[0] == f"6 cases in 2 jobs of {name}, which is under way"
    assert code == 3
    assert_same_tables(command.out, alone)


def test_on_a_terminal_ctrl_c_asks_and_cancels(command: Command, slurm: Slurm):
    ours, theirs = pty.openpty()
    process = command.start(stdin=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    wait_for(lambda: len(command.jobs()) == 2, "nothing was submitted")
    seen = read_until(ours, "jobs running")
    process.send_signal(signal.SIGINT)
    seen = read_until(ours, "go on following them (g)?")
    os.write(ours, b"g\n")
    seen = read_until(ours, "jobs running")
    process.send_signal(signal.SIGINT)
    seen = read_until(ours, "go on following them (g)?")
    os.write(ours, b"c\n")
    seen = read_until(ours, "are cancelled.")
    read_until(ours, None)
    assert process.wait(PATIENCE) == 130, seen
    assert not command.state.exists()
    wait_for(lambda: not slurm.jobs(), "jobs were not cancelled")


def read_until(terminal: int, text: str | None) -> str:
    """What the terminal shows until then; None: until the program has ended."""
    seen = ""
    while text is None or text not in seen:
        try:
            seen += os.read(terminal, 4096).decode()
        except OSError:  # nobody has the other end any more
            assert text is None, seen
            break
    return seen


def test_the_command_killed_at_any_moment_and_given_again_ends_as_one_left_alone(
    command: Command, alone: Path
):
    moments: tuple[Callable[[], object], ...] = (
        command.state.exists,  # before the jobs are noted
        lambda: command.finished,
    )
    for moment in moments:
        process = command.start()
        wait_for(moment, "the command does not get so far")
        process.kill()
        process.communicate()
    assert command.run()[0] == 3
    assert_same_tables(command.out, alone)


def test_a_folder_that_jobs_do_not_see_is_named(command: Command, tmp_path: Path):
    """The folder of a process means another one to each process."""
    out = "/proc/self/cwd/elsewhere"
    code, errors = command.ended(command.start("--out", out, "--jobs", "1", cwd=tmp_path))
    assert code == 3
    assert "their machine does not see that folder; choose one for --out that all machines" in errors
    assert "0 scored, 0 done before, 0 failed, 6 not scored" in errors


def test_a_part_that_never_gets_anywhere_is_given_up(command: Command, slurm: Slurm):
    process = command.start("--jobs", "1")
    killed: list[str] = []
    while process.poll() is None:
        for job in command.jobs():
            for worker in slurm.workers(job):
                worker.kill()
                killed.append(job)
        time.sleep(0.05)
    code, errors = command.ended(process)
    assert code == 3
    assert len(set(killed)) == 3
    assert "3 jobs ended one after the other without finishing a case, the last one FAILED; ask for" in errors
    (log,) = (command.out / "cluster").rglob(f"{killed[-1]}_*.err")
    assert f'see "{log}".' in errors
    assert errors.splitlines()[-1].endswith(f"the logs of the jobs are in {log.parent}.")


def test_what_makes_all_cases_fail_ends_the_jobs_with_a_sentence(command: Command):
    code, errors = command.run("--device", "cuda:77", "--jobs", "1")
    assert code == 3
    assert "Part 1 of 1 ended with 6 of 6 cases not scored: " in errors
    assert "cuda" in errors.splitlines()[1].split("not scored: ")[1]
    assert "was lost" not in errors


def test_what_slurm_refuses_is_quoted_and_no_job_is_left(
    command: Command, slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    code, errors = command.run("--partition", "nope")
    assert code == 2
    assert errors == (
        'segae: Slurm refuses the jobs: "invalid partition specified: nope", "Batch job submission failed: '
        'Invalid partition name specified". Correct the options, or ask who runs the cluster.\n'
    )
    assert not command.state.exists()

    breaks_off = tmp_path / "bin/sbatch"
    breaks_off.parent.mkdir()
    breaks_off.write_text(
        f'#!/bin/sh\n{shutil.which("sbatch")} "$@"\necho "sbatch: error: Lost" >&2\nexit 1\n'
    )
    breaks_off.chmod(0o755)
    monkeypatch.setenv("PATH", str(breaks_off.parent), prepend=os.pathsep)
    code, errors = command.run()
    assert (code, errors.count("\n")) == (2, 1)
    assert 'Slurm refuses the jobs: "Lost".' in errors
    assert not command.state.exists()
    wait_for(lambda: not slurm.jobs(), "a job was left")


def test_without_slurm_or_submitit_the_command_says_what_is_missing(
    segae, case: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    words = ("batch", case, "--out", tmp_path / "out", "--model", model)
    monkeypatch.setitem(sys.modules, "submitit", None)
    line = segae(*words, "--slurm").refusal()
    assert line == (
        'segae: Jobs on Slurm need the package submitit; install it with pip install "segae[slurm]".'
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    line = segae(*words, "--slurm").refusal()
    assert line.startswith("segae: There is no sbatch on the path; run this where jobs are submitted")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--gres", "gpu:1"), "--gres is for jobs on a cluster; add --slurm, or leave it out."),
        (("--jobs", "3"), "--jobs is for jobs on a cluster; add --slurm, or leave it out."),
        (("--slurm", "--num-parts", "3"), "--slurm makes the parts itself; leave --num-parts out"),
    ],
)
def test_options_that_do_not_go_together_are_refused(segae, case: Path, options: tuple[str, ...], line: str):
    assert line in segae("batch", case, "--out", case / "out", *options).refusal()
