"""A function called in a child process: what it returns, tells and fails with, and that nothing stays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import segae
from segae.errors import Cancelled, InputError, ModelError, OutputError
from segae.jobs.calls import CallJob
from segae.jobs.events import LAST, Event, Failed, Returned
from segae.jobs.process import ExitMessages
from segae.progress import CancelToken, Step, Watch

MESSAGES = ExitMessages("The work", "close other programs", "begin again", "look into the log")
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where children have their private folders in these tests."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def job_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CallJob]:
    """Makes a job of the lines of a function `work(watch)`."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(code: str, **options: Any) -> CallJob:
        lines = "import os, sys, time, subprocess\nfrom segae import errors\ndef work(watch):\n    "
        (tmp_path / "some_work.py").write_text(lines + code, encoding="utf-8")
        return CallJob("some_work:work", {}, MESSAGES, **options)

    return make


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def follow(job: CallJob) -> list[Event]:
    events: list[Event] = []
    job.start()
    wait_until(lambda: bool(events.extend(job.poll())) or not job.running)
    return events


def test_the_value_comes_back_and_the_steps_are_told(job_of, temporary_files: Path) -> None:
    steps: list[Step] = []
    job = job_of("print('a greeting'); watch.step('x', 1, 2); return {'a': [1, None, 'é']}")
    assert job.run(Watch(steps.append)) == {"a": [1, None, "é"]}
    assert steps == [Step("x", 1, 2)]
    assert list(temporary_files.iterdir()) == []


def test_a_caller_that_polls_gets_the_same_events(job_of, temporary_files: Path) -> None:
    job = job_of("watch.step('x', 1, 2); return 3")
    events = follow(job)
    assert events[-1] == Returned(3) and len(events) == 2
    assert [event for event in events if isinstance(event, LAST)] == [Returned(3)]
    assert not job.running and job.poll() == []
    assert list(temporary_files.iterdir()) == []


@pytest.mark.parametrize("error", [InputError, ModelError, OutputError])
def test_an_error_of_segae_is_raised_as_it_was(job_of, error: type[Exception]) -> None:
    with pytest.raises(error, match="no, do that"):
        job_of(f"raise errors.{error.__name__}('no, do that')").run()


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (
            "raise ValueError('odd')",
            "crash",
            "The work ended with code 1 (ValueError: odd); look into the log.",
        ),
        ("raise MemoryError", "memory", "Memory ran out"),
        ("os.kill(os.getpid(), 9)", "memory", "The work was killed from outside, most likely because memory"),
        ("os.kill(os.getpid(), 11)", "crash", "The work crashed (SIGSEGV); begin again."),
        ("os._exit(0)", "crash", "The work ended with code 0 (no message)"),
    ],
)
def test_any_other_end_becomes_a_sentence(job_of, code: str, kind: str, words: str) -> None:
    events = follow(job_of(code))
    last = events[-1]
    assert isinstance(last, Failed) and last.kind == kind and words in last.sentence


def test_all_that_is_printed_is_in_the_log(job_of, tmp_path: Path) -> None:
    log = tmp_path / "new folder" / "log.txt"
    job_of("print('out'); print('err', file=sys.stderr); os.system('echo shell')", log=log).run()
    assert sorted(log.read_text().splitlines()) == ["err", "out", "shell"]


def test_a_log_that_cannot_be_written_is_told(job_of, tmp_path: Path, temporary_files: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"The work cannot be started \(.*file"):
        job_of("return 1", log=tmp_path / "file" / "log.txt").start()
    assert list(temporary_files.iterdir()) == []


def test_a_python_that_is_not_there_is_told_by_name(job_of, temporary_files: Path) -> None:
    with pytest.raises(OutputError, match="/no/such/python"):
        job_of("return 1", executable="/no/such/python").start()
    assert list(temporary_files.iterdir()) == []


GRANDCHILD = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
WITH_A_CHILD = f"inner = {GRANDCHILD}; watch.step(str(inner.pid), 0, 1); watch.step(str(os.getpid()), 0, 1); "


def test_a_cancel_ends_it_and_what_it_started(job_of, temporary_files: Path) -> None:
    steps: list[Step] = []
    token = CancelToken()

    def on_step(step: Step) -> None:
        steps.append(step)
        if len(steps) == 2:
            token.cancel()

    with pytest.raises(Cancelled):
        job_of(WITH_A_CHILD + "time.sleep(600)").run(Watch(on_step, token))
    wait_until(lambda: not any(psutil.pid_exists(int(step.stage)) for step in steps))
    assert list(temporary_files.iterdir()) == []


def test_what_it_started_ends_when_it_dies(job_of) -> None:
    steps: list[Step] = []
    with pytest.raises(OutputError):
        job_of(WITH_A_CHILD + "os._exit(3)").run(Watch(steps.append))
    wait_until(lambda: not any(psutil.pid_exists(int(step.stage)) for step in steps))


PARENT = """
import sys
from segae.jobs.calls import CallJob
from segae.jobs.process import ExitMessages
from segae.progress import Watch
watch = Watch(lambda step: print(step.stage, flush=True))
CallJob("some_work:work", {}, ExitMessages("", "", "", "")).run(watch)
"""


def test_it_ends_with_all_it_started_when_the_parent_is_killed(
    job_of, tmp_path: Path, temporary_files: Path
) -> None:
    job_of(WITH_A_CHILD + "time.sleep(600)")
    paths = os.pathsep.join([str(tmp_path), *(path for path in sys.path if path)])
    env = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(temporary_files)}
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=env)
    assert parent.stdout is not None
    with parent.stdout:
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        assert all(map(psutil.pid_exists, pids))
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    wait_until(lambda: not any(map(psutil.pid_exists, pids)))
    assert list(temporary_files.iterdir()) == []


def run_program(program: str, *arguments: str) -> Any:
    content = {"program": program, "arguments": arguments}
    return CallJob("segae.jobs.calls:run_program", content, MESSAGES).run()


def test_a_program_gives_its_exit_code(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys\nif __name__ == '__main__': sys.exit(int(sys.argv[1]) or None)\n")
    assert run_program(str(script), "3") == 3
    assert run_program(str(script), "0") == 0
    assert run_program("pip", "--version") == 0


def test_published_weights_become_a_model(published_files, tmp_path: Path) -> None:
    files, out = published_files("resnet18"), tmp_path / "new.safetensors"

    def job(weights: Path) -> CallJob:
        content = {"weights": str(weights), "embeddings": str(files.embeddings), "out": str(out)}
        return CallJob("segae.jobs.calls:import_published_model", content, MESSAGES)

    (tmp_path / "x.pth").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"x\.pth"):
        job(tmp_path / "x.pth").run()
    assert not out.exists()
    job(files.weights).run()
    assert out.is_file()


HIDE_INSTALLED = """
import importlib.metadata as m
found = m.Distribution.discover.__func__
def discover(cls, **keys):
    return (d for d in found(cls, **keys) if (d.metadata["Name"] or "").lower() != "segae")
m.Distribution.discover = classmethod(discover)
"""


def test_segae_needs_no_installation_in_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an extension of Slicer the folder of `segae` is only copied: no tool can tell its version."""
    assert segae.__file__ is not None
    shutil.copytree(Path(segae.__file__).parent, tmp_path / "segae", ignore=shutil.ignore_patterns("__pyca*"))
    (tmp_path / "sitecustomize.py").write_text(HIDE_INSTALLED)
    (tmp_path / "some_work.py").write_text(
        "def work(watch):\n"
        "    import importlib.metadata, segae\n"
        "    try:\n        importlib.metadata.version('segae')\n"
        "    except importlib.metadata.PackageNotFoundError:\n"
        "        return [segae.__file__, segae.__version__]\n"
    )
    parent = "import sys; from segae.jobs.calls import CallJob; from segae.jobs.process import ExitMessages\n"
    parent += "print(*CallJob('some_work:work', {}, ExitMessages('', '', '', '')).run(), sep='\\n')"
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", parent], capture_output=True, text=True, env=env, check=False
    )
    assert done.stdout.splitlines() == [str(tmp_path / "segae" / "__init__.py"), segae.__version__], (
        done.stderr
    )
