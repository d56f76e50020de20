"""Small cases of the sample, and scorers that are loaded once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from segae.scoring.scorer import Scorer

MakeCase = Callable[..., Path]


@pytest.fixture(scope="session")
def make_case(sample_dir: Path) -> MakeCase:
    """(folder, *organs) -> the folder, laid out as in TotalSegmentator's data sets, with these masks."""

    def make(folder: Path, *organs: str) -> Path:
        (folder / "segmentations").mkdir(parents=True)
        shutil.copyfile(sample_dir / "ct.nii.gz", folder / "ct.nii.gz")
        for organ in organs or ("vertebrae_T11",):
            mask = f"segmentations/{organ}.nii.gz"
            shutil.copyfile(sample_dir / mask, folder / mask)
        return folder

    return make


@pytest.fixture(scope="session")
def scorer(mild_checkpoint: Callable[[str], Path]) -> Scorer:
    return Scorer(mild_checkpoint("LAS"), device="cpu")


@pytest.fixture(scope="session")
def other_scorer(mild_checkpoint: Callable[[str], Path]) -> Scorer:
    return Scorer(mild_checkpoint("file"), device="cpu")
