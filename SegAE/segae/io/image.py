"""From SimpleITK's LPS frame to the RAS frame used here. The only place where the two meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK

from segae.errors import InputError
from segae.geometry.grid import Grid
from segae.io.nifti import is_nifti, read_nifti_voxels

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


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


SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


@dataclass(frozen=True, eq=False)
class StoredImage:
    """`voxels`[k, j, i], or [k, j, i, layer] where a segmentation has layers; SimpleITK's `header`."""

    path: Path
    voxels: np.ndarray
    grid: Grid
    header: Mapping[str, str]


def is_image_name(path: Path) -> bool:
    """Whether the name ends like an image file that can be read here."""
    return path.name.lower().endswith(SUFFIXES)


def stem(path: Path) -> str:
    """File name without its image extension: "liver" for liver.nii.gz and for liver.seg.nrrd."""
    name = path.name
    for suffix in (".seg.nrrd", *sorted(SUFFIXES, key=len, reverse=True)):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return path.stem


def read_image(path: Path, *, layers: bool = False) -> StoredImage:
    """Read one three-dimensional scalar image; with `layers` also the 4D arrays of `.seg.nrrd` files.

    Raises `InputError` when the file is missing, is no image, is cut short, or is 2D, 4D or coloured.
    """
    reader = _open(path)
    header = _header(reader)
    layered = layers and header.get("NRRD_kinds[pixel]") in ("list", "vector")
    if reader.GetNumberOfComponents() != 1 and not layered:
        raise InputError(
            f'"{path}" holds {reader.GetNumberOfComponents()} values per voxel (colour or several images); '
            "give one image with one value per voxel."
        )
    if reader.GetDimension() != 3:
        raise InputError(
            f'"{path}" has {reader.GetDimension()} dimensions; give one three-dimensional image.'
        )
    grid = grid_from_lps(reader.GetSize(), reader.GetSpacing(), reader.GetDirection(), reader.GetOrigin())
    check_grid(grid, path)
    voxels = read_nifti_voxels(path) if is_nifti(path) else _execute(reader, path)
    return StoredImage(path, voxels, grid, header)


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


def _open(path: Path) -> SimpleITK.ImageFileReader:
    if not path.exists():
        raise InputError(f'There is no file "{path}"; check the path.')
    if not path.is_file():
        raise InputError(f'"{path}" is a folder, not an image file; give one file.')
    if not is_image_name(path):  # without this check a file beside it with a known ending might be read
        raise InputError(f'"{path}" is no image by its name; expected is an ending of {", ".join(SUFFIXES)}.')
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
