"""Two patients made of the bundled CT: as it is stored, and in the axis order of the DAP Atlas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segae.files import resource
from segae.geometry.orientation import to_orientation
from segae.io.ct import read_ct
from segae.labels import resolve
from segae_trainer.data.index import Index, Scan
from segae_trainer.data.scan_files import read_truth, write_nifti

SAMPLE = Path(str(resource("SampleData", "totalsegmentator_s0001")))
NAMES = ("liver", "spleen", "kidney left", "kidney right")


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """One scan to train and one to validate on, with four structures."""
    folder = tmp_path_factory.mktemp("las")
    rows = tuple(sorted(resolve(name).structure.index for name in NAMES))
    first = Scan("ras", "p1", SAMPLE / "ct.nii.gz", SAMPLE / "segmentations", rows, (), "train")
    ct = read_ct(first.ct)
    truth, _ = read_truth(first)
    for name, voxels in (("ct.nii.gz", ct.voxels), ("label.nii.gz", truth)):
        flipped, grid = to_orientation(voxels, ct.grid, "LAS")
        write_nifti(folder / name, np.ascontiguousarray(flipped), grid)
    second = Scan("las", "p2", folder / "ct.nii.gz", folder / "label.nii.gz", rows, (), "val")
    return Index((second, first), (), 1)
