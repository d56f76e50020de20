"""nnU-Net's child process is followed, stopped and understood."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from segae.errors import Cancelled, InputError, OutputError
from segae.progress import CancelToken, Step, Watch
from segae_trainer.pseudo_labels.fine_tuning import run_in_child
from segae_trainer.pseudo_labels.workspace import Workspace


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs a few lines of Python in place of nnU-Net."""

    def start(code: str, watch: Watch = Watch()) -> None:  # noqa: B008 (frozen)
        (tmp_path / "fake.py").write_text(
            "import os, sys, time, subprocess\n"
            "from segae.jobs.child import tell_progress\n"
            f"def work(watch, workspace, stages, job):\n    {code}\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        job = {"options": {"workers": 0}}
        run_in_child("fake:work", Workspace(tmp_path / "ws"), ["plan"], job, watch)

    return start


def test_steps_come_from_the_child_and_from_processes_that_it_starts(run) -> None:
    steps: list[Step] = []
    inner = "from segae.jobs.child import tell_progress; tell_progress('inner', 1, 1)"
    run(
        f"watch.step('x', 1, 2); tell_progress('x', 2, 2); subprocess.run([sys.executable, '-c', {inner!r}])",
        Watch(steps.append),
    )
    assert set(steps) == {Step("x", 1, 2), Step("x", 2, 2), Step("inner", 1, 1)}


def test_what_is_printed_is_kept_in_the_log(run, tmp_path: Path) -> None:
    run("print('hello')")
    assert (tmp_path / "ws" / "logs" / "nnunet.txt").read_text() == "hello\n"


def test_nnunet_finds_its_folders(run, tmp_path: Path) -> None:
    run("print(os.environ['nnUNet_raw'], os.environ['nnUNet_n_proc_DA'])")
    assert (tmp_path / "ws" / "logs" / "nnunet.txt").read_text() == f"{tmp_path / 'ws' / 'raw'} 1\n"


def test_an_error_that_the_child_told_is_raised_here(run) -> None:
    with pytest.raises(InputError, match="no GPU"):
        run("from segae.errors import InputError; raise InputError('no GPU')")


def test_a_lack_of_memory_is_said(run) -> None:
    with pytest.raises(OutputError, match="Memory ran out"):
        run("raise MemoryError('too much')")


def test_any_other_end_gives_the_last_line_and_the_log(run) -> None:
    with pytest.raises(OutputError, match=r"nnU-Net ended with code 1 \(ValueError: odd\); .*nnunet.txt"):
        run("raise ValueError('odd')")


def test_cancelling_ends_the_child_with_its_own_children(run, tmp_path: Path) -> None:
    token = CancelToken()
    watch = Watch(lambda step: token.cancel(), token)
    mark = tmp_path / "late"
    grandchild = f"import time, pathlib; time.sleep(3); pathlib.Path({str(mark)!r}).touch()"
    code = f"subprocess.Popen([sys.executable, '-c', {grandchild!r}]); watch.step('x', 0, 1); time.sleep(60)"
    with pytest.raises(Cancelled):
        run(code, watch)
    time.sleep(4)
    assert not mark.exists()
