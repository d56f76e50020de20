"""What a child is given: its command line, its variables, its messages, on every system."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import PureWindowsPath

import pytest

from segae.jobs.events import command
from segae.jobs.process import child_command, child_environment, threads

WINDOWS = (
    "C:\\Users\\Jörg Müller\\AppData\\Local\\Temp\\segae-worker-1",
    "D:\\two  blanks\\and a % sign",
    "\\\\server\\share\\CT 1",
)


@pytest.mark.parametrize("folder", WINDOWS)
def test_paths_with_blanks_stay_one_word_of_a_command_line_of_windows(folder: str) -> None:
    executable = r"C:\Program Files\Slicer 5.12\bin\PythonSlicer.exe"
    words = child_command(executable, PureWindowsPath(folder))
    line = subprocess.list2cmdline(words)
    assert line.startswith(f'"{executable}" ')
    assert line.endswith(f' "{folder}"') or (" " not in folder and line.endswith(f" {folder}"))


@pytest.mark.parametrize("folder", WINDOWS)
def test_a_path_of_windows_travels_to_the_child_as_it_is(folder: str) -> None:
    line = command("work", 1, folder=str(PureWindowsPath(folder)))
    assert line.isascii() and line.count(b"\n") == 1
    assert json.loads(line)["folder"] == folder


def test_a_child_computes_with_the_processors_there_are_and_waits_without_using_them() -> None:
    variables = child_environment({"PATH": "/bin"})
    assert variables["OMP_WAIT_POLICY"] == "PASSIVE"
    assert variables["OMP_NUM_THREADS"] == str(threads())
    assert 1 <= threads() <= (os.cpu_count() or 1)


def test_what_the_user_has_set_stays() -> None:
    mine = {"OMP_WAIT_POLICY": "ACTIVE", "OMP_NUM_THREADS": "3"}
    assert mine.items() <= child_environment(mine).items()


def test_a_process_that_may_use_one_processor_gives_its_children_one_thread() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from segae.jobs.process import threads; print(threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
