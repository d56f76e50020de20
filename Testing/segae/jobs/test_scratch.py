"""Private folders, and those that dead processes left."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from segae.jobs.scratch import Scratch, remove_stale

OWNER = """
import sys, time
from pathlib import Path
from segae.jobs.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
(scratch.path / "ct.npy").write_bytes(b"voxels")
print(scratch.path, flush=True)
time.sleep(60)
"""


def make_old(folder: Path) -> None:
    an_hour_ago = time.time() - 3600
    os.utime(folder, (an_hour_ago, an_hour_ago))


def owner(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """Another process with a folder of its own."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(parent)], stdout=subprocess.PIPE, text=True, env=env
    )
    assert process.stdout is not None
    with process.stdout:
        return process, Path(process.stdout.readline().strip())


def test_a_folder_is_private_and_gone_after_use(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    assert scratch.path.parent == tmp_path and scratch.path.stat().st_mode & 0o777 == 0o700
    (scratch.path / "file").write_text("x")
    scratch.remove()
    scratch.remove()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_killed_process_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    process, folder = owner(tmp_path)
    make_old(folder)
    remove_stale(tmp_path)
    assert (folder / "ct.npy").exists()
    process.kill()
    process.wait()
    Scratch(tmp_path).remove()
    assert list(tmp_path.iterdir()) == []


def test_own_folders_in_use_stay(tmp_path: Path) -> None:
    first = Scratch(tmp_path)
    make_old(first.path)
    second = Scratch(tmp_path)
    assert first.path.exists()
    second.remove()
    first.remove()


def test_a_folder_just_made_stays_even_without_its_lock(tmp_path: Path) -> None:
    young, old = tmp_path / "segae-worker-young", tmp_path / "segae-worker-old"
    young.mkdir()
    old.mkdir()
    make_old(old)
    remove_stale(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["segae-worker-young"]


def test_links_and_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.mkdir()
    make_old(target)
    (tmp_path / "segae-worker-link").symlink_to(target)
    remove_stale(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["precious", "segae-worker-link"]
