"""The child process is followed, stopped and understood."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from segae.errors import Cancelled, InputError, ModelError, OutputError
from segae.progress import CancelToken, Step, Watch
from segae_trainer.pseudo_labels import fine_tuning as process
from segae_trainer.pseudo_labels.messages import parse_message, tell_error, tell_progress
from segae_trainer.pseudo_labels.workspace import Workspace


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs a few lines of Python in place of nnU-Net."""

    def start(code: str, watch: Watch = Watch()) -> None:  # noqa: B008 (frozen)
        (tmp_path / "fake.py").write_text(
            "import sys, time, subprocess\n"
            "from segae_trainer.pseudo_labels.messages import tell_error, tell_progress\n" + code
        )
        monkeypatch.setattr(process, "CHILD", ["fake"])
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        process.run_child(Workspace(tmp_path / "ws"), {}, 0, watch)

    return start


def test_steps_and_errors_come_back_as_they_were_told(capsys: pytest.CaptureFixture[str]) -> None:
    tell_progress("predicting", 1, 4)
    tell_error(ModelError('"a" does not\nfit; choose another.'))
    step, error = (parse_message(line) for line in capsys.readouterr().out.splitlines())
    assert step == Step("predicting", 1, 4)
    assert isinstance(error, ModelError)
    assert str(error) == '"a" does not\nfit; choose another.'
    assert parse_message("Epoch 3\n") is None


def test_steps_arrive_and_the_other_lines_are_kept(run, tmp_path: Path) -> None:
    steps: list[Step] = []
    run('print("hello"); tell_progress("x", 1, 2); tell_progress("x", 2, 2)', Watch(steps.append))
    assert steps == [Step("x", 1, 2), Step("x", 2, 2)]
    assert (tmp_path / "ws" / "logs" / "nnunet.txt").read_text() == "hello\n"


def test_an_error_that_the_child_told_is_raised_here(run) -> None:
    with pytest.raises(InputError, match="no GPU"):
        run('from segae.errors import InputError; tell_error(InputError("no GPU")); sys.exit(2)')


def test_any_other_end_gives_the_last_line_and_the_log(run) -> None:
    with pytest.raises(OutputError, match=r'ended with "MemoryError: too much"; .*nnunet.txt'):
        run('raise MemoryError("too much")')


def test_cancelling_ends_the_child_with_its_own_children(run, tmp_path: Path) -> None:
    token = CancelToken()
    watch = Watch(lambda step: token.cancel(), token)
    mark = tmp_path / "late"
    grandchild = f"import time, pathlib; time.sleep(3); pathlib.Path({str(mark)!r}).touch()"
    code = (
        f"subprocess.Popen([sys.executable, '-c', {grandchild!r}]); tell_progress('x', 0, 1); time.sleep(60)"
    )
    begin = time.monotonic()
    with pytest.raises(Cancelled):
        run(code, watch)
    assert time.monotonic() - begin < 50
    time.sleep(4)
    assert not mark.exists()
