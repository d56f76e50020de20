"""A training set of the bundled CT, a network with random weights, and tables of predictions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from segae.data import Volume
from segae.geometry.orientation import orient_array, orient_grid
from segae.inputs.spec import CropRule, InputSpec
from segae.labels import resolve
from segae.models.checkpoint import Checkpoint, save_checkpoint
from segae.models.registry import build_network, new_spec
from segae_trainer.data.build_set import build_training_set
from segae_trainer.data.index import Index, PseudoLabel, Scan
from segae_trainer.data.scan_files import read_truth, write_nifti
from segae_trainer.data.training_set import TrainingSet

LIVER, SPLEEN = ROWS = tuple(resolve(name).structure.index for name in ("liver", "spleen"))
SLICES = slice(8, 14)


@pytest.fixture(scope="session")
def training_set(
    tmp_path_factory: pytest.TempPathFactory, sample_dir: Path, sample_ct: Volume
) -> TrainingSet:
    """Six slices of the sample as one patient to train and two to test on; the masks of "net" are off by one,
    two and three pixels, and in "c" the liver's is missing in one slice."""
    folder = tmp_path_factory.mktemp("scans")
    labels, grid = read_truth(Scan("s", "p", sample_dir / "ct.nii.gz", sample_dir / "segmentations"))
    truth = orient_array(np.where(np.isin(labels, ROWS), labels, 0).astype(np.uint8), grid, "LAS")[SLICES]
    ct = orient_array(sample_ct.voxels, sample_ct.grid, "LAS")[SLICES]
    las = orient_grid(sample_ct.grid, "LAS")
    las = type(las)((*las.size[:2], len(ct)), las.affine)
    scans = []
    for shift, (name, split) in enumerate((("a", "train"), ("b", "test"), ("c", "test")), start=1):
        made = np.roll(truth, shift, axis=2)
        if name == "c":
            made[2][made[2] == LIVER] = 0
        paths = [folder / name / f"{file}.nii.gz" for file in ("ct", "label", "net")]
        for path, voxels in zip(paths, (ct, truth, made), strict=True):
            write_nifti(path, voxels, las)
        found = tuple(PseudoLabel(row, "net", paths[2], row) for row in ROWS)
        scans.append(Scan(name, f"patient {name}", paths[0], paths[1], tuple(sorted(ROWS)), found, split))
    return build_training_set(Index(tuple(scans), (), 1), folder / "set")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that has learned nothing, and knows every name."""
    crop = CropRule("context", scale=1.35, millimetres=40.0)
    shown = InputSpec(size=32, crop=crop, orientation="RAS")
    spec = new_spec("tiny", "segae-published", "resnet18", 4, input=shown)
    torch.manual_seed(3)
    weights = build_network(spec).state_dict()
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_checkpoint(Checkpoint(spec, dict(weights), torch.randn(145, 4)), path)
    return path


@pytest.fixture
def predictions() -> Callable[..., pd.DataFrame]:
    """(n, patients) -> a table whose predictions err by about .1; each patient has one case."""

    def make(n: int = 120, patients: int = 6, seed: int = 0) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        truth, patient = random.random(n), np.arange(n) % patients
        return pd.DataFrame(
            {
                "case": [f"case {p}" for p in patient],
                "patient": [f"patient {p}" for p in patient],
                "segment": random.choice(["liver", "spleen"], n),
                "structure_index": 5,
                "structure": random.choice(["liver", "spleen"], n),
                "slice": np.arange(n) // patients,
                "source": "net",
                "kind": "pseudo label",
                "area_mm2": random.uniform(20, 4000, n),
                "truth_mm2": random.uniform(20, 4000, n),
                "dice": truth,
                "predicted": truth + random.normal(0, 0.1, n),
            }
        )

    return make
