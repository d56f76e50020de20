"""A program that outlives its parent, and is found again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from segae.jobs.detached import DetachedProcess, Log, is_alive

PATIENCE = 60.0
SLEEPER = "import sys, time\nprint('awake', flush=True)\ntime.sleep(float(sys.argv[1]))\n"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def script(tmp_path: Path) -> Path:
    path = tmp_path / "sleeper.py"
    path.write_text(SLEEPER)
    return path


def test_a_process_that_ended_is_not_alive_even_before_anyone_asked_for_its_exit_code() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    assert is_alive(child.pid)
    wait_until(lambda: not is_alive(child.pid))
    assert is_alive(os.getpid())
    assert not is_alive(0)


def test_it_says_how_it_ended_and_what_it_printed(tmp_path: Path) -> None:
    log = tmp_path / "runs" / "log.txt"
    log.parent.mkdir()
    log.write_text("an older line\n")
    process = DetachedProcess(script(tmp_path), ["0"], log)
    wait_until(lambda: process.exit_code is not None)
    assert process.exit_code == 0
    assert process.log.lines() == ["awake"]
    assert Log(tmp_path / "none").lines() == []


def test_it_is_ended_with_all_it_started(tmp_path: Path) -> None:
    process = DetachedProcess(script(tmp_path), ["600"], tmp_path / "log")
    process.kill()
    assert process.exit_code == -9 and not is_alive(process.pid)
    process.kill()


PARENT = """
import os, signal, sys
from pathlib import Path
from segae.jobs.detached import DetachedProcess
print(DetachedProcess(Path(sys.argv[1]), ["600"], Path(sys.argv[2])).pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_outlives_a_parent_that_is_killed_and_is_found_again(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    words = [sys.executable, "-c", PARENT, str(script(tmp_path)), str(tmp_path / "log")]
    parent = subprocess.run(words, stdout=subprocess.PIPE, text=True, env=env, check=False)
    assert parent.returncode == -9
    pid = int(parent.stdout)
    wait_until(lambda: (tmp_path / "log").read_text() == "awake\n")
    assert is_alive(pid)
    psutil.Process(pid).kill()
    wait_until(lambda: not is_alive(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
