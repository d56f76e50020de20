"""A scan of an index as arrays [k, j, i] in the axis order of the training set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segae.errors import InputError
from segae.geometry.compare import describe_difference
from segae.geometry.grid import Grid
from segae.geometry.orientation import orient_array, orient_grid
from segae.io.ct import read_ct
from segae.io.readers import read_image
from segae_trainer.data.index import PseudoLabel, Scan
from segae_trainer.data.scan_masks import read_truth_and_rows
from segae_trainer.data.training_set import HIGHEST_HU, LOWEST_HU, ORIENTATION

N_ROWS = 256  # of the label table at most, so that a row fits into a byte


@dataclass(frozen=True, eq=False)
class ScanArrays:
    """`ct` (K, H, W) int16 HU, clipped; `truth` (K, H, W) rows of the label table, and the rows that it
    `known`s; `grid`: that of the file, before it was oriented."""

    ct: np.ndarray
    truth: np.ndarray
    known: frozenset[int]
    grid: Grid

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Millimetres between rows, and between columns."""
        i_mm, j_mm, _ = orient_grid(self.grid, ORIENTATION).spacing
        return float(j_mm), float(i_mm)

    @property
    def slice_mm(self) -> float:
        return float(orient_grid(self.grid, ORIENTATION).spacing[2])


@dataclass(frozen=True, eq=False)
class Layer:
    """One file of pseudo labels: `voxels` (K, H, W), and `rows` of the label table by the value in it."""

    source: str
    voxels: np.ndarray
    rows: np.ndarray

    @property
    def structures(self) -> frozenset[int]:
        """The rows that the file may hold."""
        return frozenset(int(row) for row in np.unique(self.rows) if row)

    def slice(self, k: int) -> np.ndarray:
        """Rows of the label table (H, W) uint8 in slice `k`, 0 elsewhere."""
        values = self.voxels[k]
        inside = (values >= 0) & (values < len(self.rows))
        return self.rows[np.where(inside, values, 0).astype(np.intp)]


def read_arrays(scan: Scan) -> ScanArrays:
    """CT and truth of a scan. Raises `InputError` when a file cannot be read or the grids differ."""
    ct = read_ct(scan.ct)
    truth, grid, known = read_truth_and_rows(scan)
    _check_grid(grid, ct.grid, scan.masks)
    clipped = np.clip(orient_array(ct.voxels, ct.grid, ORIENTATION), LOWEST_HU, HIGHEST_HU)
    return ScanArrays(
        np.ascontiguousarray(clipped, np.int16),
        np.ascontiguousarray(orient_array(truth, grid, ORIENTATION)),
        known,
        ct.grid,
    )


def read_layers(scan: Scan, grid: Grid) -> Iterator[Layer]:
    """The files of pseudo labels of a scan on `grid`, one at a time, each read once.

    Raises `InputError` when one cannot be read or lies on another grid.
    """
    files: dict[tuple[str, Path], list[PseudoLabel]] = {}
    for label in scan.pseudo_labels:
        files.setdefault((label.source, label.path), []).append(label)
    for (source, path), labels in sorted(files.items()):
        image = read_image(path)
        _check_grid(image.grid, grid, path)
        binary = labels[0].value is None
        voxels = image.voxels != 0 if binary else image.voxels
        yield Layer(source, orient_array(voxels, image.grid, ORIENTATION), _rows(labels))


def _rows(labels: list[PseudoLabel]) -> np.ndarray:
    values = [1 if label.value is None else label.value for label in labels]
    rows = np.zeros(max(values) + 1, np.uint8)
    rows[values] = [label.structure for label in labels]
    return rows


def _check_grid(grid: Grid, ct: Grid, path: Path) -> None:
    difference = describe_difference(grid, ct)
    if difference is not None:
        raise InputError(
            f'"{path}" does not lie on the grid of its CT ({difference}); bring it there, or index the scans '
            "again, which leaves it out."
        )
