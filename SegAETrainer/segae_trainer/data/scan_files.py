"""The files of a scan of an index as arrays, and NIfTI files written whole or not at all."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segae.data import CTPlace
from segae.errors import InputError, way
from segae.files import whole_file
from segae.geometry.compare import describe_difference
from segae.geometry.grid import Grid
from segae.geometry.orientation import orient_array, orient_grid
from segae.io.ct import read_ct
from segae.io.readers import read_image
from segae.io.segmentation import read_segmentation
from segae_trainer.data.index import PseudoLabel, Scan
from segae_trainer.data.sample import HIGHEST_HU, LOWEST_HU, ORIENTATION, LabelledScan

_LEVEL = 4  # of gzip; masks shrink to next to nothing at any level


def read_labelled_scan(scan: Scan, only: Collection[int] | None = None) -> tuple[LabelledScan, Grid]:
    """CT and true masks of a scan, and the grid of the file, before it was oriented. `only`: the masks of
    these structures, as if there were no others. Raises `InputError` when a file cannot be read or the grids
    differ."""
    unlabelled, ct_grid = read_unlabelled_scan(scan)
    labels, _, known = read_truth_and_known(scan, ct_grid, only)
    found = replace(
        unlabelled,
        labels=np.ascontiguousarray(orient_array(labels, ct_grid, ORIENTATION)),
        known=known,
        absent=frozenset(scan.absent),
    )
    return (found.without(set(scan.left_out)) if scan.left_out else found), ct_grid


def read_unlabelled_scan(scan: Scan) -> tuple[LabelledScan, Grid]:
    """The CT of a scan without any mask, of which none is known, and the grid of its file. The files with the
    masks are not opened. Raises `InputError` when the CT cannot be read."""
    ct = read_ct(scan.ct)
    clipped = np.clip(orient_array(ct.voxels, ct.grid, ORIENTATION), LOWEST_HU, HIGHEST_HU)
    i_mm, j_mm, k_mm = (float(mm) for mm in orient_grid(ct.grid, ORIENTATION).spacing)
    voxels = np.ascontiguousarray(clipped, np.int16)
    unlabelled = np.zeros(voxels.shape, np.uint8)
    found = LabelledScan(
        scan.name, scan.patient, voxels, unlabelled, (k_mm, j_mm, i_mm), label_table=scan.label_table
    )
    return found, ct.grid


def read_truth(scan: Scan, grid: Grid | None = None) -> tuple[np.ndarray, Grid]:
    """Label indices (uint8) [k, j, i] on `grid` (None: that of the first mask); where masks overlap, the
    structure with the higher index wins. Raises `InputError` as `read_segmentation` does, and when masks are
    no voxels of the grid."""
    labels, grid, _ = read_truth_and_known(scan, grid)
    return labels, grid


def read_truth_and_known(
    scan: Scan, grid: Grid | None = None, only: Collection[int] | None = None
) -> tuple[np.ndarray, Grid, frozenset[int]]:
    """`read_truth`, and the structures whose masks are known: those of all files of a folder, empty ones
    included; a label map knows all, if the scan does not say which. `only`: these structures; in a folder no
    other file is opened."""
    names = None if only is None else [scan.label_table.by_index(index).name for index in only]
    read = read_segmentation(
        scan.masks, only=names, values=scan.values, table=scan.label_table,
        ct=None if grid is None else CTPlace(grid),
    ).segments  # fmt: skip
    segments = {s.structure.index: s for s in read if s.structure is not None}
    if only is not None:
        segments = {index: segment for index, segment in segments.items() if index in only}
    if not segments:
        raise InputError(f'"{scan.masks}" holds no mask with a known name; leave the scan "{scan.name}" out.')
    grid = grid or next(iter(segments.values())).grid
    labels = np.zeros(grid.shape, np.uint8)
    for index, segment in sorted(segments.items()):
        placed = segment.placed_on(grid)
        if placed is None:
            _check_grid(segment.grid, grid, scan.masks)
        elif not placed.is_empty:
            labels[placed.box.slices][placed.voxels()] = index
    known = segments if scan.masks.is_dir() else (structure.index for structure in scan.label_table.offered)
    known = frozenset(known if scan.known is None else scan.known)
    return labels, grid, known if only is None else known.intersection(only)


def read_pseudo_label(label: PseudoLabel) -> tuple[np.ndarray, Grid]:
    """Boolean mask; raises `InputError` for a file that is no image."""
    image = read_image(label.path)
    return (image.voxels != 0 if label.value is None else image.voxels == label.value), image.grid


@dataclass(frozen=True, eq=False)
class Layer:
    """One file of pseudo labels: `voxels` (K, H, W), and `indices` of the label table by the value in it."""

    source: str
    voxels: np.ndarray
    indices: np.ndarray

    @property
    def structures(self) -> frozenset[int]:
        """The structures that the file may hold."""
        return frozenset(int(index) for index in np.unique(self.indices) if index)

    def slice(self, k: int) -> np.ndarray:
        """Label indices (H, W) uint8 in slice `k`, 0 elsewhere."""
        values = self.voxels[k]
        inside = (values >= 0) & (values < len(self.indices))
        return self.indices[np.where(inside, values, 0).astype(np.intp)]


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
        yield Layer(source, orient_array(voxels, image.grid, ORIENTATION), _indices(labels))


def _indices(labels: list[PseudoLabel]) -> np.ndarray:
    values = [1 if label.value is None else label.value for label in labels]
    indices = np.zeros(max(values) + 1, np.uint8)
    indices[values] = [label.structure for label in labels]
    return indices


def _check_grid(grid: Grid, ct: Grid, path: Path) -> None:
    difference = describe_difference(grid, ct, any_order=True)
    if difference is not None:
        raise InputError(
            f'"{path}" does not lie on the grid of its CT ({difference}); bring it there, or '
            + way("index the scans", "check the data")
            + " again, which leaves it out."
        )


def write_nifti(path: Path, voxels: np.ndarray, grid: Grid) -> None:
    """Write `voxels`[k, j, i] on `grid`; equal input gives equal bytes. Raises `OutputError`."""
    import nibabel

    image = nibabel.Nifti1Image(np.ascontiguousarray(voxels).T, grid.affine)
    image.set_qform(grid.affine, code=1)
    image.set_sform(grid.affine, code=1)
    image.header.set_xyzt_units("mm")
    with whole_file(path) as stream, gzip.GzipFile("", "wb", _LEVEL, stream, mtime=0) as packed:
        packed.write(image.to_bytes())


def write_label_map(path: Path, labels: np.ndarray, grid: Grid) -> None:
    """Write label indices (K, H, W) in the axis order `ORIENTATION` as an image on `grid`, that of a file."""
    placed = np.zeros(grid.shape, labels.dtype)
    orient_array(placed, grid, ORIENTATION)[...] = labels
    write_nifti(path, placed, grid)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file. Raises `OutputError` when it cannot be written."""
    with whole_file(target) as stream, source.open("rb") as original:
        shutil.copyfileobj(original, stream)
