"""The masks of a scan as arrays [k, j, i] in file order, and NIfTI files written whole or not at all."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np

from segae.files import whole_file
from segae.geometry.grid import Grid
from segae.io.readers import read_image
from segae.io.segmentation import read_segmentation
from segae.labels import offered_structures
from segae_trainer.data.index import PseudoLabel, Scan


def read_truth(scan: Scan) -> tuple[np.ndarray, Grid]:
    """Rows of the label table (uint8); where masks overlap, the structure with the higher row wins.

    Raises `InputError` as `read_segmentation` does.
    """
    labels, grid, _ = read_truth_and_rows(scan)
    return labels, grid


def read_truth_and_rows(scan: Scan) -> tuple[np.ndarray, Grid, frozenset[int]]:
    """`read_truth`, and the rows that the masks know: those of all files of a folder, empty ones included;
    a label map knows all."""
    read = read_segmentation(scan.masks).segments
    segments = {s.structure.index: s for s in read if s.structure is not None}
    grid = next(iter(segments.values())).grid
    labels = np.zeros(grid.shape, np.uint8)
    for index, segment in sorted(segments.items()):
        if not segment.is_empty:
            labels[segment.box.slices][segment.voxels()] = index
    known = segments if scan.masks.is_dir() else (structure.index for structure in offered_structures())
    return labels, grid, frozenset(known)


def read_pseudo_label(label: PseudoLabel) -> tuple[np.ndarray, Grid]:
    """Boolean mask; raises `InputError` for a file that is no image."""
    image = read_image(label.path)
    return (image.voxels != 0 if label.value is None else image.voxels == label.value), image.grid


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
