"""A run on a real Slurm, followed from this process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from one_machine_slurm import Slurm, wait_for

from segae.batch import cluster
from segae.batch.cluster import SILENT, ClusterRun, start
from segae.batch.part_job import Work
from segae.batch.runner import run_batch
from segae.batch.slurm import Ended, Resources, how_it_ended, submit
from segae.errors import InputError
from segae.files import resource_dir
from segae.io.layouts import CaseFiles, find_cases
from segae.scoring.options import ScoringOptions
from segae.scoring.scorer import Scorer


@pytest.fixture
def run(
    six_cases: Path, model: Path, slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ClusterRun]:
    """A run of this process, in two jobs that are just submitted."""
    monkeypatch.setenv("SLURM_CONF", slurm.environment["SLURM_CONF"])
    monkeypatch.setenv("PYTHONPATH", str(resource_dir().parent))
    work = Work.of(tmp_path / "out", str(model), ScoringOptions(), "cpu", "torch", 32)
    yield start(find_cases(six_cases), {}, work, 2, Resources())
    slurm.cancel_all()


def program_that_fails(folder: Path, name: str) -> str:
    """A PATH on which the command of Slurm is one that refuses."""
    folder.mkdir()
    (folder / name).write_text(f'#!/bin/sh\necho "{name}: error: Not today" >&2\nexit 1\n')
    (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_a_part_that_cannot_be_submitted_again_is_listed_and_the_others_go_on(
    run: ClusterRun, slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    job = run.parts[0].job
    assert job is not None
    wait_for(lambda: slurm.workers(job), "the job does not start")
    for worker in slurm.workers(job):
        worker.kill()
    monkeypatch.setenv("PATH", program_that_fails(tmp_path / "bin", "sbatch"))
    events = [event for look in run.follow() for event in look.events]
    assert events == [
        'Part 1 of 2 ended with 3 of 3 cases not scored: Slurm refuses the jobs: "Not today". Correct the '
        "options, or ask who runs the cluster."
    ]
    assert run.waiting == {"a", "c", "e"}
    assert run.parts[1].why == ""


def test_slurm_may_be_silent_for_a_while_but_not_for_ever(
    run: ClusterRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    jobs = [part.job for part in run.parts]
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", program_that_fails(tmp_path / "bin", "squeue"))
    looks = run.follow(wait=lambda _seconds: None)
    for _ in range(SILENT - 1):
        assert next(looks).events == ()
    assert [part.job for part in run.parts] == jobs  # nothing is concluded from silence
    with pytest.raises(InputError, match=r'^Slurm does not answer: "Not today"\. Run the same command again'):
        next(looks)
    monkeypatch.setenv("PATH", path)
    assert next(run.follow()).running + next(run.follow()).waiting > 0


def test_jobs_compute_with_as_many_threads_as_they_have_processors(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SLURM_CONF", slurm.environment["SLURM_CONF"])
    names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "SRUN_CPUS_PER_TASK")
    work = [partial(os.getenv, name, "") for name in names]

    def given(resources: Resources) -> list[Ended | None]:
        jobs = submit(work, tmp_path, "threads", resources)
        wait_for(lambda: all(how_it_ended(tmp_path, job) for job in jobs), "jobs do not end")
        return [how_it_ended(tmp_path, job) for job in jobs]

    assert given(Resources(cpus=2)) == [Ended("2"), Ended("PASSIVE"), Ended("2")]
    # Submitted from a terminal that is itself a job:
    for name in ("SLURM_JOB_ID", "SLURM_CPUS_PER_TASK", "SLURM_MEM_PER_CPU", "SLURM_MEM_PER_NODE"):
        monkeypatch.setenv(name, "7")
    assert given(Resources()) == [Ended("1"), Ended("PASSIVE"), Ended("1")]
    assert os.environ["SLURM_JOB_ID"] == "7"


def test_a_case_that_another_run_finishes_meanwhile_is_not_waited_for(
    six_cases: Path, model: Path, slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Jobs that were cancelled may work for some seconds more."""
    monkeypatch.setenv("SLURM_CONF", slurm.environment["SLURM_CONF"])
    monkeypatch.setenv("PYTHONPATH", str(resource_dir().parent))
    monkeypatch.setattr(cluster, "SETTLING", 1.0)
    work = Work.of(tmp_path / "out", str(model), ScoringOptions(), "cpu", "torch", 32)
    cases = find_cases(six_cases)[:2]

    def look_at(found: Sequence[CaseFiles]) -> Iterator[CaseFiles]:
        yield from found
        run_batch(cases[:1], work.out, Scorer(model, device="cpu"))

    run = start(cases, {}, work, 2, Resources(), look_at)
    assert run.n_cases == 2
    assert [case for look in run.follow() for case in look.finished] == ["a", "b"]
    assert run.waiting == set()
