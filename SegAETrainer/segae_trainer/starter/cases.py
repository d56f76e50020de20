"""A CT with its label map, as stacks of axial slices that stand the way the network sees them.

A case is a folder with `ct.nii.gz` and `labels_dap.nii.gz`, the latter holding rows of the label table on
the CT's own grid. A second segmentation of the same scan may lie beside them as `pred_<name>_dap.nii.gz`,
and a mask that is known to be wrong as `bad_<structure>.nii.gz`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segae.errors import InputError
from segae.geometry.compare import describe_difference
from segae.geometry.grid import Grid
from segae.geometry.orientation import to_orientation
from segae.io.ct import read_ct
from segae.io.readers import read_image
from segae.labels.resolver import resolve
from segae.labels.table import load_structures

ORIENTATION = "LAS"


@dataclass(frozen=True, eq=False)
class Case:
    """`ct` (K, H, W) int16 HU and `labels` (K, H, W) uint8 in LAS order; `pixel_mm` (rows, columns) and
    `slice_mm` in millimetres. `predictions` are other label maps of the scan by name, `bad_masks` wrong
    masks by structure. `absent`: structures that are known not to be in the scan."""

    name: str
    ct: np.ndarray
    labels: np.ndarray
    pixel_mm: tuple[float, float]
    slice_mm: float
    predictions: dict[str, np.ndarray]
    bad_masks: dict[int, np.ndarray]
    absent: frozenset[int] = frozenset()

    def structures(self, k: int, labels: np.ndarray | None = None) -> list[int]:
        """Label indices present in slice `k`, background left out."""
        return [int(i) for i in np.unique((self.labels if labels is None else labels)[k]) if i > 0]


def read_case(folder: Path, orientation: str = ORIENTATION) -> Case:
    """Raises `InputError` when a file is missing, the grids differ, or a label is no row of the table."""
    ct = read_ct(_present(folder / "ct.nii.gz"))
    voxels, grid = to_orientation(ct.voxels, ct.grid, orientation)
    i_mm, j_mm, k_mm = (float(mm) for mm in grid.spacing)
    return Case(
        name=folder.name,
        ct=np.ascontiguousarray(np.clip(voxels, -1024, 3071), np.int16),
        labels=_labels(_present(folder / "labels_dap.nii.gz"), ct.grid, orientation),
        pixel_mm=(j_mm, i_mm),
        slice_mm=k_mm,
        predictions={
            path.name.split("_")[1]: _labels(path, ct.grid, orientation)
            for path in sorted(folder.glob("pred_*_dap.nii.gz"))
        },
        bad_masks={
            resolve(path.name.removeprefix("bad_").removesuffix(".nii.gz")).structure.index: _labels(
                path, ct.grid, orientation
            ).astype(bool)
            for path in sorted(folder.glob("bad_*.nii.gz"))
        },
    )


def without(case: Case, structures: set[int]) -> Case:
    """The case with some structures turned into background, because their masks cannot be trusted."""
    return replace(
        case, labels=np.where(np.isin(case.labels, list(structures)), 0, case.labels).astype(np.uint8)
    )


def coarser(case: Case, factor: int) -> Case:
    """The case on pixels `factor` times as large: CT averaged over blocks, labels as at the blocks'
    middles."""
    rows, columns = (n // factor * factor for n in case.ct.shape[1:])
    blocks = case.ct[:, :rows, :columns].reshape(
        len(case.ct), rows // factor, factor, columns // factor, factor
    )
    middles = slice(factor // 2, None, factor)
    return replace(
        case,
        ct=blocks.mean(axis=(2, 4), dtype=np.float32).astype(np.int16),
        labels=np.ascontiguousarray(case.labels[:, :rows, :columns][:, middles, middles]),
        pixel_mm=(case.pixel_mm[0] * factor, case.pixel_mm[1] * factor),
        predictions={},
        bad_masks={},
    )


def _labels(path: Path, ct_grid: Grid, orientation: str) -> np.ndarray:
    image = read_image(path)
    difference = describe_difference(ct_grid, image.grid)
    if difference:
        raise InputError(
            f'"{path}" does not lie on the grid of its CT ({difference}); resample it to the CT first.'
        )
    rows = len(load_structures())
    if image.voxels.min() < 0 or image.voxels.max() >= rows:
        raise InputError(
            f'"{path}" holds labels outside of 0..{rows - 1}; translate them to the label table first.'
        )
    return np.ascontiguousarray(to_orientation(image.voxels, image.grid, orientation)[0], np.uint8)


def _present(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f'There is no "{path}"; a case is a folder with ct.nii.gz and labels_dap.nii.gz.')
    return path
