"""Voxels of NIfTI-1 files.

SimpleITK fills what is missing in a cut or damaged gzip stream with zeros or noise and says nothing, so the
voxels are read here, with the checksum at the end of the stream. The layout is that of nifti1.h.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from segae.errors import InputError
from segae.io.image import ImageReader

_HEADER_SIZE = 348
_GZIP_MAGIC = b"\x1f\x8b"
_DEFLATE_LIMIT = 1032  # deflate cannot shrink data further than this
_EXACT_SCALE = 1 << 14  # 16-bit integers times less than this stay within 32 bits
_CHUNK = 1 << 22  # bytes; gzip's stream makes a copy of what it is asked for
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip


@dataclass(frozen=True)
class _Layout:
    shape: tuple[int, ...]  # k, j, i
    dtype: np.dtype
    offset: int  # bytes from the start of the (uncompressed) file to the first voxel
    slope: float
    intercept: float

    @property
    def n_bytes(self) -> int:
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


def read_nifti_voxels(path: Path) -> np.ndarray:
    """Voxels [k, j, i] with slope and intercept applied; integers stay integers where that is exact.

    Raises `InputError` when the file is no NIfTI-1 file, is cut short or is damaged.
    """
    try:
        with open_nifti(path) as stream:
            layout = _read_layout(stream.read(_HEADER_SIZE), path)
            voxels = _read_voxels(stream, layout, path)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _damaged(path) from None
    return _scaled(voxels, layout)


def has_extension(path: Path) -> bool:
    """Whether the header carries extensions, which is where label names may stand (nifti1.h, `extender`)."""
    with open_nifti(path) as stream:
        return stream.read(_HEADER_SIZE + 4)[_HEADER_SIZE:][:1] not in (b"", b"\0")


def open_nifti(path: Path) -> io.BufferedIOBase:
    """The uncompressed bytes of the file, which may be compressed whatever its name says."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP_MAGIC
    return cast(io.BufferedIOBase, gzip.open(path, "rb")) if packed else path.open("rb")


def _read_layout(header: bytes, path: Path) -> _Layout:
    if len(header) < _HEADER_SIZE:
        raise _damaged(path)
    order = next((o for o in "<>" if struct.unpack_from(o + "i", header)[0] == _HEADER_SIZE), None)
    if order is None:
        raise InputError(f'"{path}" is named like a NIfTI file but is none; give it its right extension.')
    n_axes, *sizes = struct.unpack_from(order + "8h", header, 40)
    (code,) = struct.unpack_from(order + "h", header, 70)
    offset, slope, intercept = struct.unpack_from(order + "3f", header, 108)
    offset = max(offset, _HEADER_SIZE + 4.0)  # some writers leave it 0
    if not offset <= path.stat().st_size * _DEFLATE_LIMIT:
        raise _damaged(path)
    shape = tuple(reversed(sizes[: max(n_axes, 3)]))
    while len(shape) > 3 and shape[0] == 1:
        shape = shape[1:]
    if code not in _TYPES or len(shape) != 3 or min(shape) < 1:
        raise InputError(f'"{path}" holds no three-dimensional image of plain numbers; convert it to one.')
    if not np.isfinite([slope, intercept]).all() or slope == 0:
        slope, intercept = 1.0, 0.0
    return _Layout(shape, np.dtype(order + _TYPES[code]), int(offset), slope, intercept)


def _read_voxels(stream: io.BufferedIOBase, layout: _Layout, path: Path) -> np.ndarray:
    if layout.n_bytes > path.stat().st_size * _DEFLATE_LIMIT:
        raise _damaged(path)
    stream.seek(layout.offset)
    voxels = np.empty(layout.shape, layout.dtype)
    rest = voxels.reshape(-1).view(np.uint8)
    while rest.size:
        n_read = stream.readinto(rest[:_CHUNK].data)
        if n_read == 0:
            raise _damaged(path)
        rest = rest[n_read:]
    while stream.read(_CHUNK):  # the checksum stands at the end of the stream
        pass
    return voxels


def _scaled(voxels: np.ndarray, layout: _Layout) -> np.ndarray:
    if (layout.slope, layout.intercept) == (1.0, 0.0):
        return voxels
    scale = (layout.slope, layout.intercept)
    whole = all(number.is_integer() and abs(number) < _EXACT_SCALE for number in scale)
    if whole and voxels.dtype.kind in "iu" and voxels.dtype.itemsize <= 2:
        return voxels.astype(np.int32) * int(layout.slope) + int(layout.intercept)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found later, as infinite
        return voxels.astype(np.float32) * np.float32(layout.slope) + np.float32(layout.intercept)


def _damaged(path: Path) -> InputError:
    return InputError(f'"{path}" is cut short or damaged; copy it again from its source.')


NIFTI = ImageReader("NIfTI", (".nii", ".nii.gz"), read_nifti_voxels)
