"""What is read from an image file, and the way from the LPS frame of most formats to the RAS frame used here.

The only place where the two frames meet. A format of image files is an `ImageReader`; `segae.io.readers`
lists them. Headers and voxels are read without any native library, so that a damaged file ends in a sentence.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from segae.data import DicomIds
from segae.errors import InputError
from segae.finding import Finding
from segae.geometry.compare import SAME_WITHIN_VOXELS, corner_distance
from segae.geometry.grid import Grid
from segae.io.stream import damaged

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True, eq=False)
class StoredImage:
    """`voxels`[k, j, i], or [k, j, i, layer] where a segmentation has layers; the `header` as text.

    `precision`: how far a whole number may lie off after it was stored with the header's scaling.
    `findings`: what was noticed while it was read. `ids`: what DICOM calls the scan.
    """

    path: Path
    voxels: np.ndarray
    grid: Grid
    header: Mapping[str, str]
    precision: float = 0.0
    findings: tuple[Finding, ...] = ()
    ids: DicomIds = DicomIds()  # noqa: RUF009 (frozen)


@dataclass(frozen=True, eq=False)
class Opened:
    """An image file whose header was read: what `StoredImage` has, and `load`, which reads its voxels.

    `is_layered`: whether several values per voxel are layers of a segmentation; `n_values`: how many it has.
    """

    grid: Grid
    header: Mapping[str, str]
    load: Callable[[], np.ndarray]
    n_values: int = 1
    is_layered: bool = False
    precision: float = 0.0
    findings: tuple[Finding, ...] = ()
    ids: DicomIds = DicomIds()  # noqa: RUF009 (frozen)


@dataclass(frozen=True)
class ImageReader:
    """How one format of image files is read.

    `suffixes`: endings of its file names. `description`: one sentence for people, `limits` another, about
    what is refused. `opens`: reads the header. `takes_folder`: it reads folders of files, too.
    """

    name: str
    suffixes: tuple[str, ...]
    description: str
    limits: str
    opens: Callable[[Path, str | None], Opened] = field(repr=False)
    takes_folder: bool = False

    def can_read(self, path: Path) -> bool:
        """Whether the name ends like a file of this format."""
        return path.name.lower().endswith(self.suffixes)

    def read_header(self, path: Path) -> Mapping[str, str]:
        """The fields of the header as text. Raises `InputError` when it has none that can be read."""
        with in_a_sentence(path):
            return self.opens(path, None).header

    def read_grid(self, path: Path) -> Grid:
        """The grid alone, from the header. Raises like `read`."""
        return self._open(path, True, None).grid

    def read(self, path: Path, *, layers: bool = False, series: str | None = None) -> StoredImage:
        """Read one three-dimensional scalar image; with `layers` also the layers of a segmentation. `series`
        chooses where there are several.

        Raises `InputError` when the file is no image, is cut short or damaged, or is 2D, 4D or coloured.
        """
        found = self._open(path, layers, series)
        with in_a_sentence(path):
            voxels = found.load()
        return StoredImage(path, voxels, found.grid, found.header, found.precision, found.findings, found.ids)

    def _open(self, path: Path, layers: bool, series: str | None) -> Opened:
        with in_a_sentence(path):
            found = self.opens(path, series)
        if found.n_values != 1 and not (layers and found.is_layered):
            raise InputError(
                f'"{path}" holds {found.n_values} values per voxel (colour or several images); give one '
                "image with one value per voxel."
            )
        check_grid(found.grid, path)
        return found


@contextmanager
def in_a_sentence(path: Path) -> Iterator[None]:
    """Turns what a nonsensical header makes of Python and numpy into `InputError`."""
    try:
        with np.errstate(all="ignore"):  # what is not finite is looked at afterwards
            yield
    except (ArithmeticError, LookupError, TypeError, ValueError, struct.error) as error:
        raise damaged(path, f"its header makes no sense: {type(error).__name__}") from error


def grid_from_lps(
    size: Sequence[int], spacing: Sequence[float], direction: Sequence[float], origin: Sequence[float]
) -> Grid:
    """Grid of an image in LPS: size, spacing and axes (9 numbers, an axis in each column) along i, j, k."""
    affine = np.eye(4)
    affine[:3, :3] = _LPS_TO_RAS @ (np.reshape(direction, (3, 3)) * np.asarray(spacing))
    affine[:3, 3] = ras_from_lps(origin)
    ni, nj, nk = (int(n) for n in size)
    return Grid((ni, nj, nk), affine)


def ras_from_lps(vector: Sequence[float] | np.ndarray) -> np.ndarray:
    """A vector or point (x, y, z) in RAS."""
    return _LPS_TO_RAS @ np.asarray(vector, float)


def check_grid(grid: Grid, path: Path) -> None:
    """Raises `InputError` when the header does not place voxels in space."""
    if not np.isfinite(grid.affine).all() or abs(np.linalg.det(grid.affine[:3, :3])) < 1e-9:
        raise InputError(f'The header of "{path}" gives no usable spacing and axes; write it again.')


def contradiction(path: Path, taken: Grid, other: Grid, what: str) -> Finding | None:
    """Finding GEOMETRY_CONTRADICTS when a header describes two grids that differ by more than rounding.

    `what`: which two, to follow 'The header of "..." contradicts itself by up to 3.0 mm: '.
    """
    away = corner_distance(taken, other)
    if not np.isfinite(away) or away <= SAME_WITHIN_VOXELS * float(taken.spacing.min()):
        return None
    text = (
        f'The header of "{path}" contradicts itself by up to {away:.1f} mm: {what}; check in a viewer that '
        "left is left, or write the file again."
    )
    return Finding("GEOMETRY_CONTRADICTS", "warning", text, source=str(path))
