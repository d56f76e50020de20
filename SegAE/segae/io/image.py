"""What is read from an image file, and the way from SimpleITK's LPS frame to the RAS frame used here.

The only place where the two frames meet. A format of image files is an `ImageReader`; `segae.io.readers`
lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK

from segae.errors import InputError
from segae.geometry.grid import Grid

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True, eq=False)
class StoredImage:
    """`voxels`[k, j, i], or [k, j, i, layer] where a segmentation has layers; SimpleITK's `header`."""

    path: Path
    voxels: np.ndarray
    grid: Grid
    header: Mapping[str, str]


@dataclass(frozen=True)
class ImageReader:
    """How one format of image files is read.

    `suffixes`: endings of its file names. `voxels`: reads the voxels where SimpleITK's own way will not do.
    `is_layered`: whether a header says that several values per voxel are layers of a segmentation.
    """

    name: str
    suffixes: tuple[str, ...]
    voxels: Callable[[Path], np.ndarray] | None = None
    is_layered: Callable[[Mapping[str, str]], bool] = lambda header: False

    def can_read(self, path: Path) -> bool:
        """Whether the name ends like a file of this format."""
        return path.name.lower().endswith(self.suffixes)

    def read_grid(self, path: Path) -> Grid:
        """The grid alone, from the header. Raises like `read`."""
        grid, _, _ = self._open(path, layers=True)
        return grid

    def read(self, path: Path, *, layers: bool = False) -> StoredImage:
        """Read one three-dimensional scalar image; with `layers` also the layers of a segmentation.

        Raises `InputError` when the file is no image, is cut short, or is 2D, 4D or coloured.
        """
        grid, header, reader = self._open(path, layers)
        return StoredImage(path, self.voxels(path) if self.voxels else _execute(reader, path), grid, header)

    def _open(self, path: Path, layers: bool) -> tuple[Grid, dict[str, str], SimpleITK.ImageFileReader]:
        reader = _reader(path)
        header = _header(reader)
        if reader.GetNumberOfComponents() != 1 and not (layers and self.is_layered(header)):
            raise InputError(
                f'"{path}" holds {reader.GetNumberOfComponents()} values per voxel (colour or several '
                "images); give one image with one value per voxel."
            )
        if reader.GetDimension() != 3:
            raise InputError(
                f'"{path}" has {reader.GetDimension()} dimensions; give one three-dimensional image.'
            )
        grid = grid_from_lps(reader.GetSize(), reader.GetSpacing(), reader.GetDirection(), reader.GetOrigin())
        check_grid(grid, path)
        return grid, header, reader


def grid_from_lps(
    size: Sequence[int], spacing: Sequence[float], direction: Sequence[float], origin: Sequence[float]
) -> Grid:
    """Grid of an image as SimpleITK describes it: size, spacing and axes along i, j, k; mm in LPS."""
    affine = np.eye(4)
    affine[:3, :3] = _LPS_TO_RAS @ (np.reshape(direction, (3, 3)) * np.asarray(spacing))
    affine[:3, 3] = _LPS_TO_RAS @ np.asarray(origin)
    ni, nj, nk = (int(n) for n in size)
    return Grid((ni, nj, nk), affine)


def ras_from_lps(vector: Sequence[float]) -> np.ndarray:
    """A vector or point (x, y, z) in RAS."""
    return _LPS_TO_RAS @ np.asarray(vector, float)


def check_grid(grid: Grid, path: Path) -> None:
    """Raises `InputError` when the header does not place voxels in space."""
    if not np.isfinite(grid.affine).all() or abs(np.linalg.det(grid.affine[:3, :3])) < 1e-9:
        raise InputError(f'The header of "{path}" gives no usable spacing and axes; write it again.')


def unreadable(path: Path, reason: str = "") -> InputError:
    """The sentence for a file that SimpleITK refuses; `reason` is its exception, searched but never shown."""
    if "orthonormal" in reason:
        return InputError(
            f'The axes in the header of "{path}" are not perpendicular; resample it to a right-angled grid.'
        )
    return InputError(
        f'"{path}" could not be read as an image: it is cut short, damaged, or not what its extension says; '
        "copy it again or give it its right extension."
    )


def read_header(path: Path) -> dict[str, str]:
    """The fields of a file's header. Raises `InputError` when it has none that can be read."""
    return _header(_reader(path))


def _reader(path: Path) -> SimpleITK.ImageFileReader:
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise unreadable(path, str(error)) from None
    return reader


def _header(reader: SimpleITK.ImageFileReader) -> dict[str, str]:
    """The header's fields; text that is not UTF-8 is replaced, keys that are not cannot be asked for."""
    return {
        key: reader.GetMetaData(key).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        for key in reader.GetMetaDataKeys()
        if key.isascii()
    }


def _execute(reader: SimpleITK.ImageFileReader, path: Path) -> np.ndarray:
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise unreadable(path, str(error)) from None
    return SimpleITK.GetArrayFromImage(image)
