"""A folder with a DICOM CT series."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import SimpleITK

from segae.errors import InputError
from segae.geometry.grid import Grid
from segae.io.image import check_grid, grid_from_lps, ras_from_lps, unreadable

_MODALITY = "0008|0060"
_POSITION = "0020|0032"  # ImagePositionPatient
_UNEVEN = 0.1  # share of the slice distance by which a slice may lie off its place


def read_dicom_series(folder: Path, series: str | None = None) -> tuple[np.ndarray, Grid]:
    """Voxels [k, j, i] in Hounsfield units and grid of the DICOM series in `folder`.

    `series` is a SeriesInstanceUID; it may be left out when the folder holds one series. The third axis
    follows the slice positions, so that a tilted gantry is kept. Raises `InputError` when the folder holds no
    series, several, another modality, or slices that are missing or unevenly spaced.
    """
    files = _series_files(folder, series)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(files)
    reader.MetaDataDictionaryArrayUpdateOn()
    try:
        with _no_warnings():
            image = reader.Execute()
    except RuntimeError as error:
        raise unreadable(folder, str(error)) from None
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f'The DICOM files in "{folder}" are no slices with one value per pixel; give a CT.')
    _check_modality(reader, folder)
    grid = grid_from_lps(image.GetSize(), image.GetSpacing(), image.GetDirection(), image.GetOrigin())
    grid = _along_positions(grid, reader, len(files), folder)
    check_grid(grid, folder)
    return SimpleITK.GetArrayFromImage(image), grid


def modality_of(folder: Path) -> str | None:
    """Modality that the first DICOM file of a folder states; None when there is none that can be read."""
    file = min((path for path in folder.iterdir() if path.is_file()), default=None)
    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(file))
    try:
        reader.ReadImageInformation()
    except RuntimeError:  # no DICOM file, or one without pixels; such a folder is no CT
        return None
    return reader.GetMetaData(_MODALITY).strip() if reader.HasMetaDataKey(_MODALITY) else None


def _series_files(folder: Path, series: str | None) -> tuple[str, ...]:
    with _no_warnings():
        found = {
            uid: SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid)
            for uid in SimpleITK.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
        }
    if not found:
        raise InputError(f'"{folder}" holds no readable DICOM images; give the folder with the slices.')
    listed = ", ".join(f"{uid} ({len(files)} files)" for uid, files in found.items())
    if series is not None:
        if series not in found:
            raise InputError(f'"{folder}" holds no DICOM series {series}; choose one of {listed}.')
        return found[series]
    if len(found) > 1:
        raise InputError(f'"{folder}" holds {len(found)} DICOM series; choose one of {listed}.')
    return next(iter(found.values()))


def _check_modality(reader: SimpleITK.ImageSeriesReader, folder: Path) -> None:
    modality = reader.GetMetaData(0, _MODALITY).strip() if reader.HasMetaDataKey(0, _MODALITY) else "CT"
    if modality != "CT":
        raise InputError(f'The DICOM series in "{folder}" is of modality {modality}; give a CT.')


def _along_positions(grid: Grid, reader: SimpleITK.ImageSeriesReader, n_files: int, folder: Path) -> Grid:
    """`grid` with its third axis from the first to the last slice position."""
    if n_files < 2 or not all(reader.HasMetaDataKey(n, _POSITION) for n in range(n_files)):
        return grid
    stored = (reader.GetMetaData(n, _POSITION).split("\\") for n in range(n_files))
    positions = np.array([ras_from_lps([float(x) for x in position]) for position in stored])
    step = (positions[-1] - positions[0]) / (n_files - 1)
    even = positions[0] + np.arange(n_files)[:, None] * step
    off = np.linalg.norm(positions - even, axis=1)
    if off.max() > _UNEVEN * max(float(np.linalg.norm(step)), 1e-3):
        raise InputError(
            f'The slices in "{folder}" are not evenly spaced (near slice {int(off.argmax())}): some are '
            "missing or doubled; complete the series."
        )
    affine = grid.affine.copy()
    affine[:3, 2], affine[:3, 3] = step, positions[0]
    return Grid(grid.size, affine)


@contextmanager
def _no_warnings() -> Iterator[None]:
    """GDCM prints about every file that is no DICOM; what matters is raised as an error here."""
    before = SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        SimpleITK.ProcessObject.SetGlobalWarningDisplay(before)
