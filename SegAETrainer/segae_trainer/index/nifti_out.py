"""Write compressed NIfTI files that appear whole or not at all."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np

from segae.geometry.grid import Grid
from segae.whole_file import whole_file

_LEVEL = 4  # of gzip; masks shrink to next to nothing at any level


def write_nifti(path: Path, voxels: np.ndarray, grid: Grid) -> None:
    """Write `voxels`[k, j, i] on `grid`; equal input gives equal bytes. Raises `OutputError`."""
    import nibabel

    image = nibabel.Nifti1Image(np.ascontiguousarray(voxels).T, grid.affine)
    image.set_qform(grid.affine, code=1)
    image.set_sform(grid.affine, code=1)
    image.header.set_xyzt_units("mm")
    with whole_file(path) as stream, gzip.GzipFile("", "wb", _LEVEL, stream, mtime=0) as packed:
        packed.write(image.to_bytes())


def copy_file(source: Path, target: Path) -> None:
    """Copy a file. Raises `OutputError` when it cannot be written."""
    with whole_file(target) as stream, source.open("rb") as original:
        shutil.copyfileobj(original, stream)
