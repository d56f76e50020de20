"""The `segae` command run in this process, as the console script runs it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from one_machine_slurm import Slurm, one_machine_slurm

from segae.cli.main import main

ORGAN = "vertebrae_T11"


@dataclass(frozen=True)
class Outcome:
    """What a command left on the terminal."""

    code: int
    out: str
    err: str

    def refusal(self) -> str:
        """The one line that a refused command prints; fails when there is more, or the exit code is not 2."""
        lines = self.err.splitlines()
        assert (self.code, len(lines)) == (2, 1), self
        assert lines[0].startswith("segae: ")
        assert self.out == ""
        return lines[0]


Segae = Callable[..., Outcome]


@pytest.fixture
def segae(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Segae:
    """Runs a command line; what libraries print past Python is caught too."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["segae", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capfd.readouterr()
        return Outcome(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def model(mild_checkpoint: Callable[[str], Path]) -> Path:
    return mild_checkpoint("LAS")


@pytest.fixture
def case(tmp_path: Path, sample_dir: Path) -> Iterator[Path]:
    """A case with one small mask; only the case is in its folder."""
    folder = tmp_path / "case"
    (folder / "segmentations").mkdir(parents=True)
    shutil.copyfile(sample_dir / "ct.nii.gz", folder / "ct.nii.gz")
    mask = f"segmentations/{ORGAN}.nii.gz"
    shutil.copyfile(sample_dir / mask, folder / mask)
    yield folder


@pytest.fixture
def score_case(segae: Segae, case: Path, model: Path) -> Segae:
    """`segae score` of the case, with further arguments."""

    def run(*arguments: object, ct: Path | None = None, masks: Path | None = None) -> Outcome:
        files = (ct or case / "ct.nii.gz", masks or case / "segmentations")
        return segae("score", *files, "--model", model, "--device", "cpu", *arguments)

    return run


@pytest.fixture
def mask_of(case: Path) -> Path:
    """The file of the case's one mask."""
    return case / f"segmentations/{ORGAN}.nii.gz"


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with one_machine_slurm(tmp_path_factory.mktemp("slurm") / "s") as running:
        yield running


@pytest.fixture(scope="session")
def six_cases(tmp_path_factory: pytest.TempPathFactory, sample_dir: Path) -> Path:
    """Six small cases: one cannot be read, and one, the last of the first of two jobs, takes longer."""
    folder = tmp_path_factory.mktemp("cluster") / "data"
    for case in "abcdef":
        (folder / case / "segmentations").mkdir(parents=True)
        organs = ("vertebrae_T11", *(["lung_lower_lobe_left"] if case == "e" else ()))
        for name in ("ct", *(f"segmentations/{organ}" for organ in organs)):
            shutil.copyfile(sample_dir / f"{name}.nii.gz", folder / case / f"{name}.nii.gz")
    (folder / "d" / "ct.nii.gz").write_text("no image")
    return folder
