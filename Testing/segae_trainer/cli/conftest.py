"""The `segae-train` command run in this process, as the console script runs it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from segae_trainer.cli.main import main

STRUCTURES = ("liver", "spleen", "kidney_left")


@dataclass(frozen=True)
class Outcome:
    """What a command left on the terminal."""

    code: int
    out: str
    err: str

    def refusal(self) -> str:
        """The one line that a refused command prints; fails when there is more, or the exit code is not 2."""
        lines = self.err.splitlines()
        assert (self.code, len(lines), self.out) == (2, 1, ""), self
        assert lines[0].startswith("segae-train: ")
        return lines[0]


@pytest.fixture
def segae_train(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Runs a command line; what libraries print past Python is caught too."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["segae-train", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capfd.readouterr()
        return Outcome(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def cases(tmp_path: Path, sample_dir: Path) -> Path:
    """Three patients as TotalSegmentator stores them, with three structures of the sample."""
    for name in ("s0", "s1", "s2"):
        (tmp_path / "cases" / name / "segmentations").mkdir(parents=True)
        shutil.copy(sample_dir / "ct.nii.gz", tmp_path / "cases" / name)
        for structure in STRUCTURES:
            mask = sample_dir / "segmentations" / f"{structure}.nii.gz"
            shutil.copy(mask, tmp_path / "cases" / name / "segmentations")
    return tmp_path / "cases"


@pytest.fixture
def indexed(segae_train: Callable[..., Outcome], cases: Path, tmp_path: Path) -> Path:
    """The index of the three patients, one in each split."""
    assert segae_train("index", "--ct", cases, "--out", tmp_path / "index.json").code == 0
    return tmp_path / "index.json"


@pytest.fixture
def predictions(tmp_path: Path, sample_dir: Path) -> Path:
    """What a segmenter that always sees a liver where the spleen is predicts for all but one patient."""
    for name in ("s0", "s1"):
        folder = tmp_path / "net" / name
        folder.mkdir(parents=True)
        for structure, like in (("liver", "spleen"), ("spleen", "spleen")):
            shutil.copy(sample_dir / "segmentations" / f"{like}.nii.gz", folder / f"{structure}.nii.gz")
    return tmp_path / "net"
