"""Two patients made of the bundled CT, one stored as RAS and one as LAS, and masks of two segmenters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segae.data import Volume
from segae.geometry.orientation import orient_array, orient_grid
from segae.labels import resolve
from segae_trainer.data.index import Index, Scan
from segae_trainer.data.scan_masks import read_truth, write_nifti
from segae_trainer.pseudo_labels import add_predictions

LIVER, SPLEEN, KIDNEY = ROWS = tuple(
    resolve(name).structure.index for name in ("liver", "spleen", "kidney left")
)


@pytest.fixture(scope="session")
def truth(sample_dir: Path, sample_ct: Volume) -> np.ndarray:
    """True rows of three structures [k, j, i] in LAS order."""
    labels, grid = read_truth(Scan("s", "p", sample_dir / "ct.nii.gz", sample_dir / "segmentations"))
    return orient_array(np.where(np.isin(labels, ROWS), labels, 0).astype(np.uint8), grid, "LAS")


@pytest.fixture(scope="session")
def masks(truth: np.ndarray) -> dict[str, np.ndarray]:
    """Rows by segmenter in LAS order. "far" is off by three pixels, misses the liver in slices 10 to 14, and
    invents a kidney in slice 28; "near" is off by one pixel and knows no kidney."""
    far, near = np.roll(truth, -3, axis=1), np.roll(truth, 1, axis=1)
    far[10:15][far[10:15] == LIVER] = 0
    far[28, 2:12, 2:12] = KIDNEY
    near[near == KIDNEY] = 0
    return {"far": far, "near": near}


@pytest.fixture(scope="session")
def index(
    tmp_path_factory: pytest.TempPathFactory,
    sample_ct: Volume,
    truth: np.ndarray,
    masks: dict[str, np.ndarray],
) -> Index:
    """ "a" to train and "b" to validate on; label maps of "far" for both, a file per structure of "near" for
    "a"."""
    folder, scans = tmp_path_factory.mktemp("scans"), []
    las = orient_grid(sample_ct.grid, "LAS")
    for name, split, order in (("a", "train", "RAS"), ("b", "val", "LAS")):
        grid = orient_grid(sample_ct.grid, order)

        def put(place: str, voxels: np.ndarray, order: str = order, grid=grid) -> Path:
            write_nifti(folder / place, orient_array(voxels, las, order), grid)
            return folder / place

        ct = put(f"{name}/ct.nii.gz", orient_array(sample_ct.voxels, sample_ct.grid, "LAS"))
        label = put(f"{name}/label.nii.gz", truth)
        scans.append(Scan(name, f"patient {name}", ct, label, tuple(sorted(ROWS)), (), split))
        put(f"far/{name}.nii.gz", masks["far"])
        if name == "a":
            for row, file in ((LIVER, "liver"), (SPLEEN, "spleen")):
                put(f"near/a/{file}.nii.gz", (masks["near"] == row).astype(np.uint8))
    found = add_predictions(Index(tuple(scans), (), 1), folder / "far")
    return replace(add_predictions(found, folder / "near"), findings=())


@pytest.fixture
def files_of() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder with its content."""
    return lambda folder: {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
