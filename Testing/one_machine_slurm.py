"""A real Slurm on this machine: its own configuration, ports and folders, and nothing left at its end."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

PATIENCE = 300.0  # seconds
DAEMONS = ("slurmctld", "slurmd")

CONFIGURATION = """\
ClusterName=segae
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
AuthInfo=cred_expire=5
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ReturnToService=2
KillWait=1
NodeName=localhost NodeAddr=127.0.0.1 NodeHostname={host} CPUs=8 RealMemory=64000 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=2
"""


@dataclass(frozen=True)
class Slurm:
    """`environment`: what a command needs to speak to it."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def ask(self, *command: str) -> str:
        """What a command of Slurm prints; fails when the command does."""
        return subprocess.run(
            command, env=os.environ | self.environment, check=True, capture_output=True, text=True
        ).stdout

    def jobs(self) -> list[str]:
        """Ids of the jobs that wait or run."""
        return self.ask("squeue", "--noheader", "--array", "--format=%i").split()

    def workers(self, job: str) -> list[psutil.Process]:
        """The processes of Python that do the work of a job."""
        listed = (
            line.split() for line in self.ask("squeue", "--noheader", "-r", "--format=%i %A").splitlines()
        )
        identifier = next((number for name, number in listed if name == job), "")
        return [
            process
            for process in processes_of(self.folder)
            if identifier
            and process.info["environ"].get("SLURM_JOB_ID") == identifier
            and "submitit.core._submit" in process.info["cmdline"]
            and "python" in process.info["name"]
        ]

    def cancel_all(self) -> None:
        """Ends every job, and waits until the processes are gone."""
        self.ask("scancel", f"--user={_user()}")
        wait_for(lambda: not self.jobs(), "jobs do not end")


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def processes_of(folder: Path) -> Iterator[psutil.Process]:
    """Processes that speak to the Slurm of this folder: its daemons and what they started."""
    for process in psutil.process_iter(["name", "cmdline", "environ"]):
        variables: Mapping[str, str] = process.info["environ"] or {}
        if variables.get("SLURM_CONF") == str(folder / "slurm.conf"):
            yield process


@contextmanager
def one_machine_slurm(folder: Path) -> Iterator[Slurm]:
    """Starts a controller and a node with 8 processors in `folder`; both end with the block, or with us.
    Jobs of the partition `urgent` preempt those of `main`."""
    missing = [name for name in (*DAEMONS, "sbatch", "srun") if _found(name) is None]
    assert not missing, (
        f"jobs are tested with Slurm, and {', '.join(missing)} is missing: install slurm-wlm "
        "(Testing/system-packages.sh does as root)"
    )
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    controller_port, node_port = _free_ports(2)
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(
            folder=folder, user=_user(), host=socket.gethostname().split(".")[0],
            controller_port=controller_port, node_port=node_port,
        )
    )  # fmt: skip
    slurm = Slurm(folder)
    environment = os.environ | slurm.environment
    daemons = []
    try:
        for name in DAEMONS:
            command = ["setpriv", "--pdeathsig", "TERM", str(_found(name)), "-D"]
            command += ["-N", "localhost"] if name == "slurmd" else []
            with (folder / f"{name}.out").open("wb") as out:
                daemons.append(subprocess.Popen(command, env=environment, stdout=out, stderr=out))
        wait_for(lambda: _is_idle(slurm, daemons), f"Slurm does not start; see {folder}")
        yield slurm
        slurm.cancel_all()
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(PATIENCE)
        wait_for(lambda: not list(processes_of(folder)), f"Slurm left processes behind; see {folder}")


def _is_idle(slurm: Slurm, daemons: list[subprocess.Popen[bytes]]) -> bool:
    ended = [daemon.args for daemon in daemons if daemon.poll() is not None]
    assert not ended, f"{ended} ended at once; see {slurm.folder}"
    try:
        return slurm.ask("sinfo", "--noheader", "--format=%T").split() == ["idle"]
    except subprocess.CalledProcessError:
        return False  # the controller does not listen yet


def _found(name: str) -> str | None:
    """A program of the system, which may lie where only root's path leads."""
    return shutil.which(name, path=os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/usr/local/sbin")))


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def _free_ports(count: int) -> list[int]:
    """Taken at the same time, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
