"""Read a CT: NIfTI, NRRD, MHA/MHD or DICOM, through the registry of readers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segae.data import Volume
from segae.errors import InputError
from segae.files import shown_path
from segae.io.readers import read_ct_image

_INT16 = np.iinfo(np.int16)


def read_ct(path: str | Path, *, series: str | None = None) -> Volume:
    """Hounsfield units and grid of the CT at `path`, a file or a folder with a DICOM series.

    `series` chooses by SeriesInstanceUID where a folder holds several. Voxels are int16 where the file holds
    integers that fit, else float32. Raises `InputError` for anything that is not one three-dimensional image.
    """
    path = Path(path)
    image = read_ct_image(path, series)
    if not image.grid.placed:
        raise InputError(
            f'The header of "{path}" does not say how its axes lie in the patient (qform and sform are both '
            "0, or space, axes, spacing or origin are missing); convert the CT again from its source."
        )
    return Volume(_hounsfield(image.voxels), image.grid, shown_path(path), image.findings, image.ids)


def _hounsfield(voxels: np.ndarray) -> np.ndarray:
    """int16 where nothing is lost, else float32; in the machine's byte order."""
    integer = voxels.dtype.kind in "iu"
    if integer and _INT16.min <= voxels.min() and voxels.max() <= _INT16.max:
        return np.ascontiguousarray(voxels, np.int16)
    return np.ascontiguousarray(voxels, np.float32)
