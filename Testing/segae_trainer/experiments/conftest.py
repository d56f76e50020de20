"""Tiny patients with two organs of known shape, as TotalSegmentator stores them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segae.geometry.grid import Grid
from segae_trainer.data.scan_files import write_nifti
from segae_trainer.experiments.scorers import ScorerSettings
from segae_trainer.experiments.segmenters import SegmenterSettings
from segae_trainer.experiments.setting import Options

SHAPE = (10, 32, 32)
SPACING = (5.0, 8.0, 8.0)


def write_patient(folder: Path, seed: int) -> None:
    """A body of water with a bright ball (liver) and a brighter one (spleen), at places that `seed` draws."""
    draw = np.random.default_rng(seed)
    k, j, i = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    ct = np.where((j - 16) ** 2 + (i - 16) ** 2 < 13**2, 0, -1000)
    organs = {}
    for name, i_centre, hu in (("liver", 10, 120), ("spleen", 22, 300)):
        centre = np.array([5, 15, i_centre]) + draw.uniform(-1.5, 1.5, 3)
        distance = ((k - centre[0]) / 4) ** 2 + ((j - centre[1]) / 5) ** 2 + ((i - centre[2]) / 5) ** 2
        organs[name] = distance < 1
        ct = np.where(organs[name], hu, ct)
    ct = ct + draw.normal(0, 15, SHAPE)
    affine = np.diag([*SPACING[::-1], 1.0])
    grid = Grid((SHAPE[2], SHAPE[1], SHAPE[0]), affine)
    write_nifti(folder / "ct.nii.gz", ct.astype(np.int16), grid)
    for name, mask in organs.items():
        write_nifti(folder / "segmentations" / f"{name}.nii.gz", mask.astype(np.uint8), grid)


@pytest.fixture(scope="session")
def patients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four of them: two to label, one for the pool, one to test on."""
    folder = tmp_path_factory.mktemp("patients")
    for seed in range(4):
        write_patient(folder / f"s{seed}", seed)
    return folder


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Options]:
    """Options of an experiment that takes seconds; keywords change them."""

    def make(**changes) -> Options:
        return Options(
            **{
                "labelled": 2,
                "tested": 1,
                "seeds": (1,),
                "passes": 2,
                "segmenter": SegmenterSettings(steps=12, early=(0.5,), batch=2),
                "scorer": ScorerSettings(
                    steps=(2, 1), size=32, published_epochs=1, published_size=32, batch=8, device="cpu"
                ),
                **changes,
            }
        )

    return make
