"""What is asked of Slurm: to run work, how its jobs are, and to end them.

All jobs of a run have one name that nothing else has, so that they are found and ended without a list.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path

from segae.errors import InputError, OutputError
from segae.files import reason

COMMANDS = ("sbatch", "srun", "squeue", "scancel")
# Every other state means that the job runs or will.
_ENDED = {
    "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY", "BOOT_FAIL",
    "DEADLINE", "REVOKED",
}  # fmt: skip

# Slurm hands the variables of the terminal on to jobs; what a job may use is another matter. From 22.05 on
# srun does not take the number of processors from the job.
_SETUP = (
    "export OMP_WAIT_POLICY=PASSIVE",
    "export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}",
    "export SRUN_CPUS_PER_TASK=$OMP_NUM_THREADS",
)


@dataclass(frozen=True)
class Resources:
    """What each job asks for, as sbatch spells it; None: what the cluster gives by default."""

    partition: str | None = None
    gres: str | None = None
    time: str | None = None
    mem: str | None = None
    cpus: int | None = None


@dataclass(frozen=True)
class QueueEntry:
    """How a job is: `state` as Slurm calls it, `why` it waits or ended."""

    state: str
    why: str

    @property
    def ended(self) -> bool:
        return self.state in _ENDED

    @property
    def runs(self) -> bool:
        return self.state in ("RUNNING", "COMPLETING")


@dataclass(frozen=True)
class Ended:
    """How a job ended by itself: `said` is what its function returned, `fault` the end of its traceback."""

    said: str = ""
    fault: str = ""


def check_slurm() -> None:
    """Raises `InputError` when this machine cannot submit jobs, or submitit is not installed."""
    missing = next((name for name in COMMANDS if shutil.which(name) is None), None)
    if missing is not None:
        raise InputError(
            f"There is no {missing} on the path; run this where jobs are submitted to Slurm, or divide the "
            "cases with --num-parts and --part-id."
        )
    try:
        import submitit  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(
            f'Jobs on Slurm need the package {error.name}; install it with pip install "segae[slurm]".'
        ) from error


def submit(
    work: Sequence[Callable[[], str]], folder: Path, name: str, resources: Resources
) -> tuple[str, ...]:
    """Have each of `work` run by a job of its own; the ids of the jobs, in the same order.

    `folder`, which all machines share, takes their logs. Raises `InputError` with Slurm's words when it
    refuses, `OutputError` when `folder` cannot be written to; jobs may have been submitted nevertheless.
    """
    from submitit import SlurmExecutor
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    executor = SlurmExecutor(folder)
    asked = {"time": resources.time, "requeue": True}  # preempted jobs go back into the queue
    executor.update_parameters(
        job_name=name,
        partition=resources.partition,
        gres=resources.gres,
        mem=resources.mem,
        cpus_per_task=resources.cpus,
        time=None,  # submitit counts minutes, and takes five where nothing is said
        wckey=None,
        array_parallelism=len(work),
        setup=list(_SETUP),
        additional_parameters={key: value for key, value in asked.items() if value is not None},
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _outside_of_a_job(), redirect_stderr(io.StringIO()):  # submitit prints what it raises
            return tuple(job.job_id for job in executor.submit_array(work))
    except (FailedJobError, FailedSubmissionError) as error:
        raise InputError(
            f"Slurm refuses the jobs: {_words(str(error))} Correct the options, or ask who runs the cluster."
        ) from error
    except OSError as error:
        raise OutputError(
            f'Cannot write to "{folder}" ({reason(error)}); free some space or choose another folder.'
        ) from error


@contextmanager
def _outside_of_a_job() -> Iterator[None]:
    """Without the variables of the job that this terminal is in, if any: they would say what each of the new
    jobs may use."""
    inside = "SLURM_JOB_ID" in os.environ
    own = {
        name: value for name, value in os.environ.items() if inside and name.startswith(("SLURM_", "SRUN_"))
    }
    own.pop("SLURM_CONF", None)
    for name in own:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(own)


def queue(name: str) -> dict[str, QueueEntry]:
    """The jobs of a run by id: all that run or wait, and of those that ended the latest. Raises `InputError`
    when Slurm does not answer."""
    form = "--format=%i|%T|%r"
    said = _run("squeue", "--noheader", "--array", "--states=all", f"--name={name}", form)
    lines = (line.strip().split("|", 2) for line in said.splitlines() if line.strip())
    return {job: QueueEntry(state, why) for job, state, why in lines}


def cancel(name: str, jobs: Iterable[str] | None = None) -> None:
    """End all jobs of a run, or these of them. Raises `InputError` when Slurm does not answer."""
    _run("scancel", "--quiet", *([f"--name={name}"] if jobs is None else jobs))


def how_it_ended(folder: Path, job: str) -> Ended | None:
    """None while a job has not come to its end by itself: it waits, runs, or was killed."""
    from submitit.core.utils import JobPaths, pickle_load

    path = JobPaths(folder, job).result_pickle
    if not path.exists():
        return None
    outcome, value = pickle_load(path)
    return Ended(said=value) if outcome == "success" else Ended(fault=value.strip().splitlines()[-1])


def log_of(folder: Path, job: str) -> Path | None:
    """What a job printed; None when there is no such file, because its machine does not see `folder`."""
    from submitit.core.utils import JobPaths

    paths = JobPaths(folder, job)
    return next((path for path in (paths.stderr, paths.stdout) if path.exists()), None)


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=True)
    except subprocess.CalledProcessError as error:
        raise InputError(
            f"Slurm does not answer: {_words(error.stderr)} Run the same command again when it does; jobs "
            "that run are not touched."
        ) from error
    return done.stdout


def _words(said: str) -> str:
    """What a command of Slurm printed, in one line."""
    lines = (line.split("error: ", 1)[-1].strip() for line in said.splitlines())
    return ", ".join(f'"{line}"' for line in lines if line) + "."
