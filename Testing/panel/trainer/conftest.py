"""A small real training set, and the panel of the trainer on the test bed."""
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "SegAE" / "Resources" / "SampleData" / "totalsegmentator_s0001"
CASES = ("s0001", "s0002", "s0003")
QUICK = (
    "--recipe",
    "published",
    "--input-size",
    "32",
    "--batch",
    "8",
    "--backbone",
    "resnet18",
    "--no-imagenet",
    "--workers",
    "0",
)


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled case with two organs, three times in TotalSegmentator's layout, and one without masks."""
    root = tmp_path_factory.mktemp("data")
    for case in CASES:
        (root / case / "segmentations").mkdir(parents=True)
        shutil.copy(SAMPLE / "ct.nii.gz", root / case)
        for organ in ("spleen", "gallbladder"):
            shutil.copy(SAMPLE / "segmentations" / f"{organ}.nii.gz", root / case / "segmentations")
    (root / "s0004").mkdir()
    shutil.copy(SAMPLE / "ct.nii.gz", root / "s0004")
    return root


@pytest.fixture(scope="session")
def index(cases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The list of these scans."""
    from segae_trainer.data.find_scans import build_index
    from segae_trainer.data.index import write_index

    return write_index(build_index(cases), tmp_path_factory.mktemp("index") / "index.json")[0]


@pytest.fixture(scope="session")
def training_set(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training set of these scans."""
    from segae_trainer.data.build_set import build_training_set
    from segae_trainer.data.draw_samples import Sampling
    from segae_trainer.data.index import read_index

    folder = tmp_path_factory.mktemp("set") / "training-set"
    build_training_set(read_index(index), folder, Sampling())
    return folder


@pytest.fixture
def train_quickly(training_set: Path) -> Callable[..., list[str]]:
    """The arguments of a training that takes seconds, as they are typed into a terminal."""

    def arguments(run: Path, epochs: int) -> list[str]:
        return ["train", str(training_set), str(run), "--device", "cpu", "--epochs", str(epochs), *QUICK]

    return arguments


@pytest.fixture
def load_panel(bed: Any) -> Iterator[Callable[[], Any]]:
    """Loads both modules and returns the trainer's panel; call it again as after a restart of Slicer.
    Nothing may stay behind but the settings."""

    def unload() -> None:
        for name in ("SegAETrainer", "SegAE"):
            if name in bed.app.moduleManager().scripted():
                bed.unload_module(name)

    def load() -> Any:
        unload()
        bed.load_module(ROOT / "SegAE" / "SegAE.py", select=False)
        return bed.load_module(ROOT / "SegAETrainer" / "SegAETrainer.py").panel

    yield load
    unload()
    assert bed.leftovers() == ()


@pytest.fixture
def panel(load_panel: Callable[[], Any]) -> Any:
    """The trainer's panel as it opens for the first time."""
    return load_panel()
