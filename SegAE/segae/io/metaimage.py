"""MetaImage files: a header with its voxels behind it, or in files beside it.

The layout is that of https://itk.org/Wiki/ITK/MetaIO/Documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segae.errors import InputError
from segae.geometry.grid import Grid
from segae.io.content import cannot_open, format_of, start_of, wrong_content
from segae.io.detached import data_files, read_files
from segae.io.image import ImageReader, Opened, grid_from_lps
from segae.io.stream import damaged

_TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4",
    "MET_UINT": "u4", "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
_AXES = ("TransformMatrix", "Rotation", "Orientation")
_ORIGIN = ("Offset", "Position", "Origin")
_SPACING = ("ElementSpacing", "ElementSize")
_MOST_HEADER = 1 << 20  # bytes
_LAST = "ElementDataFile"


@dataclass(frozen=True)
class _Header:
    """The fields of a header, and where in the file the data begins."""

    path: Path
    fields: Mapping[str, str]
    end: int

    def numbers(self, names: tuple[str, ...], count: int) -> list[float] | None:
        """The `count` numbers of the first of these fields that is there; None where there is none."""
        name = next((name for name in names if name in self.fields), None)
        if name is None:
            return None
        try:
            values = [float(word) for word in self.fields[name].split()]
        except ValueError:
            values = []
        if len(values) != count:
            raise damaged(self.path, f'its header gives "{self.fields[name]}" as {name}')
        return values

    def is_true(self, *names: str) -> bool:
        for name in names:
            if name in self.fields:
                if self.fields[name].lower() not in ("true", "false", "1", "0"):
                    raise damaged(self.path, f'its header gives "{self.fields[name]}" as {name}')
                return self.fields[name].lower() in ("true", "1")
        return False


def _open(path: Path, series: str | None = None) -> Opened:
    header = _read_header(path)
    (n_axes,) = header.numbers(("NDims",), 1) or [0]
    if n_axes != 3:
        raise InputError(f'"{path}" has {n_axes:.0f} dimensions; give one three-dimensional image.')
    sizes = [int(n) for n in header.numbers(("DimSize",), 3) or [0]]
    if min(sizes) < 1:
        raise damaged(path, "its header gives no sizes")
    (channels,) = header.numbers(("ElementNumberOfChannels",), 1) or [1]
    kind = header.fields.get("ElementType", "")
    if kind not in _TYPES:
        raise damaged(path, f'its header gives the type "{kind}"')
    is_big = header.is_true("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
    dtype = np.dtype(_TYPES[kind]).newbyteorder(">" if is_big else "<")
    return Opened(_grid(header, sizes), header.fields, lambda: _load(header, sizes, dtype), int(channels))


def _grid(header: _Header, sizes: list[int]) -> Grid:
    axes, origin = header.numbers(_AXES, 9), header.numbers(_ORIGIN, 3)
    spacing = header.numbers(_SPACING, 3)
    direction = np.reshape(axes or np.eye(3).ravel().tolist(), (3, 3)).T.ravel()  # an axis in each row
    grid = grid_from_lps(
        sizes, np.abs(spacing or [1.0] * 3).tolist(), direction.tolist(), origin or [0.0] * 3
    )
    return grid if axes and origin and spacing else Grid(grid.size, grid.affine, placed=False)


def _read_header(path: Path) -> _Header:
    if format_of(start_of(path)) != "MetaImage":
        raise wrong_content(path, "MetaImage")
    fields: dict[str, str] = {}
    try:
        with path.open("rb") as stream:
            while _LAST not in fields and stream.tell() < _MOST_HEADER:
                line = stream.readline(_MOST_HEADER).decode("utf-8", "replace")
                name, separator, value = line.partition("=")
                if not line or not separator:
                    break
                fields[name.strip()] = value.strip()
            end = stream.tell()
    except OSError as error:
        raise cannot_open(path, error) from None
    if _LAST not in fields:
        raise damaged(path, f"its header has no field {_LAST}")
    return _Header(path, fields, end)


def _load(header: _Header, sizes: list[int], dtype: np.dtype) -> np.ndarray:
    told = header.fields[_LAST]
    files = data_files(header.path, None if told.upper() == "LOCAL" else told, header.end)
    text = "BinaryData" in header.fields and not header.is_true("BinaryData")
    encoding = "deflate" if header.is_true("CompressedData") else "text" if text else "raw"
    (skip,) = header.numbers(("HeaderSize",), 1) or [0]
    start = max(int(skip), 0) if files or skip else header.end
    shape = tuple(reversed(sizes))
    return read_files(header.path, files, shape, dtype, encoding, start, skip=-1 if skip == -1 else 0)


METAIMAGE = ImageReader(
    "MetaImage",
    (".mha", ".mhd"),
    "MetaImage in one file (.mha) or as a header (.mhd) with voxels beside it (.raw, .zraw).",
    "Colours, more than three dimensions and headers without axes, offset or spacing are refused.",
    _open,
)
