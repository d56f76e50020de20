"""`segae-train evaluate` as the console script runs it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from segae_trainer.cli.main import main
from segae_trainer.data.training_set import TrainingSet

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The arguments of `segae-train evaluate` -> exit code, output and errors."""
    monkeypatch.setenv("COLUMNS", "120")

    def evaluate(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["segae-train", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capfd.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return evaluate


def test_models_and_baselines_stand_in_one_table(
    run: Run, training_set: TrainingSet, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, printed, errors = run(
        training_set.folder, "--model", model, "--suite", "network", "--out", out, "--resamples", 3,
        "--device", "cpu",
    )  # fmt: skip
    assert (code, errors) == (0, "")
    for name in ("tiny", "mask features", "intensity"):
        assert name in printed
    assert "rest on 2 patients only" in printed
    assert f"Written: {out / 'evaluation.html'}" in printed
    assert (out / "metrics.csv").is_file() and (out / "evaluation.html").stat().st_size > 1_000_000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--model", "nothing"), 'There is no model "nothing"'),
        (("--model", "bundled", "--suite", "other"), 'There is no suite "other"'),
        (("--model", "bundled", "--split", "val"), 'no masks in the split "val"'),
        (("--model", "bundled", "--split", "later"), 'There is no split "later"'),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(
    run: Run, training_set: TrainingSet, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    code, printed, errors = run(training_set.folder, *arguments, "--out", tmp_path / "out")
    assert (code, printed, len(errors.splitlines())) == (2, "", 1)
    assert errors.startswith("segae-train: ") and sentence in errors
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_training_set_is_one_line(run: Run, tmp_path: Path) -> None:
    code, _, errors = run(tmp_path, "--model", "bundled", "--out", tmp_path / "out")
    assert code == 2 and "is no training set" in errors and len(errors.splitlines()) == 1
