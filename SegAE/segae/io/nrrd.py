"""NRRD files, alone or with a header of their own; also those of segmentations, which have layers.

The layout is that of https://teem.sourceforge.net/nrrd/format.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segae.errors import InputError
from segae.geometry.grid import Grid
from segae.io.content import cannot_open, start_of, wrong_content
from segae.io.detached import data_files, read_files
from segae.io.image import ImageReader, Opened
from segae.io.stream import Encoding, damaged

_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64",
           "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}  # fmt: skip
_DTYPES = {name: code for code, names in _TYPES.items() for name in names}
_ENCODINGS: Mapping[str, Encoding] = {
    "raw": "raw", "gzip": "deflate", "gz": "deflate", "bzip2": "bzip2", "bz2": "bzip2",
    "ascii": "text", "text": "text", "txt": "text",
}  # fmt: skip
# What turns a space's x, y, z into RAS.
_SPACES = {
    "right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1), "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1), "lps": (-1, -1, 1),
}  # fmt: skip
_MOST_HEADER = 1 << 24  # bytes; no header is longer
_LAYERS = ("list", "vector")
_FILES = ("data file", "datafile")


@dataclass(frozen=True)
class _Header:
    """The fields and key/value pairs of a header, and where in the file the data begins."""

    path: Path
    fields: Mapping[str, str]
    pairs: Mapping[str, str]
    end: int

    def required(self, name: str) -> str:
        if name not in self.fields:
            raise damaged(self.path, f'its header has no field "{name}"')
        return self.fields[name]

    def integers(self, name: str) -> list[int]:
        try:
            return [int(word) for word in self.required(name).split()]
        except ValueError:
            raise damaged(self.path, f'its header gives "{self.fields[name]}" as {name}') from None

    def vectors(self, name: str) -> list[np.ndarray | None]:
        """The vectors "(x,y,z)" of a field; None for "none"."""
        words = re.findall(r"none|\([^()]*\)", self.required(name))
        try:
            return [None if w == "none" else np.array(w[1:-1].split(","), float) for w in words]
        except ValueError:
            raise damaged(self.path, f'its header gives "{self.fields[name]}" as {name}') from None


def _open(path: Path, series: str | None = None) -> Opened:
    header = _read_header(path)
    sizes = header.integers("sizes")
    if len(sizes) != header.integers("dimension")[0] or min(sizes, default=0) < 1:
        raise damaged(path, f'its header gives the sizes "{header.fields["sizes"]}"')
    directions = header.vectors("space directions") if "space directions" in header.fields else None
    if directions is not None and len(directions) != len(sizes):
        raise damaged(path, "its header has another number of space directions than of sizes")
    kinds = header.fields.get("kinds", "").lower().split()
    beside = _values_axis(sizes, directions, kinds)
    axes = [n for n in range(len(sizes)) if n != beside]
    if len(axes) != 3:
        raise InputError(f'"{path}" has {len(axes)} dimensions; give one three-dimensional image.')
    dtype = _dtype(header)
    return Opened(
        _grid(header, [sizes[n] for n in axes], directions and [directions[n] for n in axes], axes),
        {**header.fields, **header.pairs},
        lambda: _load(header, sizes, dtype, beside),
        n_values=1 if beside is None else sizes[beside],
        is_layered=beside is not None and (kinds[beside : beside + 1] or [""])[0] in _LAYERS,
    )


def _values_axis(
    sizes: Sequence[int], directions: Sequence[np.ndarray | None] | None, kinds: Sequence[str]
) -> int | None:
    """The axis, of four, along which the values of one voxel stand."""
    if len(sizes) != 4:
        return None
    if directions is not None and sum(one is None for one in directions) == 1:
        return next(n for n, one in enumerate(directions) if one is None)
    spatial = ("domain", "space")
    others = [n for n, kind in enumerate(kinds[:4]) if kind not in spatial]
    return others[0] if len(others) == 1 else None


def _dtype(header: _Header) -> np.dtype:
    kind = header.required("type").lower()
    if kind not in _DTYPES:
        raise damaged(header.path, f'its header gives the type "{kind}"')
    order = header.fields.get("endian", "").lower()
    dtype = np.dtype(_DTYPES[kind])
    if dtype.itemsize > 1 and order not in ("little", "big") and _encoding(header) != "text":
        raise damaged(header.path, f'its header gives the byte order "{order}"')
    return dtype.newbyteorder(">" if order == "big" else "<")


def _encoding(header: _Header) -> Encoding:
    name = header.required("encoding").lower()
    if name not in _ENCODINGS:
        raise InputError(f'"{header.path}" has the encoding "{name}", which is not read; save it with gzip.')
    return _ENCODINGS[name]


def _grid(
    header: _Header, sizes: Sequence[int], directions: Sequence[np.ndarray | None] | None, axes: Sequence[int]
) -> Grid:
    """The grid; not placed where the header names no space, no directions or no origin."""
    ni, nj, nk = sizes
    space = header.fields.get("space", "").lower().removesuffix("-time").removesuffix("t")
    affine, placed = np.eye(4), space in _SPACES
    if directions is not None:
        if any(one is None or one.shape != (3,) for one in directions):
            raise damaged(header.path, "its space directions are no three vectors of three numbers")
        affine[:3, :3] = np.column_stack([one for one in directions if one is not None])
    else:
        placed = False
        affine[:3, :3] = np.diag(_spacings(header, axes))
    origin = header.vectors("space origin") if "space origin" in header.fields else [None]
    if origin and origin[0] is not None and origin[0].shape == (3,):
        affine[:3, 3] = origin[0]
    else:
        placed = False
    affine[:3] *= np.array(_SPACES.get(space, (1, 1, 1)))[:, None]
    return Grid((ni, nj, nk), affine, placed)


def _spacings(header: _Header, axes: Sequence[int]) -> list[float]:
    try:
        values = [float(word) for word in header.fields.get("spacings", "").split()]
    except ValueError:
        values = []
    return [abs(values[n]) for n in axes] if len(values) > max(axes) else [1.0, 1.0, 1.0]


def _read_header(path: Path) -> _Header:
    if not start_of(path).startswith(b"NRRD00"):
        raise wrong_content(path, "NRRD")
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    try:
        with path.open("rb") as stream:
            stream.readline()
            while stream.tell() < _MOST_HEADER:
                raw = stream.readline(_MOST_HEADER)
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                if not line:
                    break
                name, separator, value = re.match(r"([^:]*)(:?=?)(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
                if line.startswith("#"):
                    continue
                if separator == ":=":
                    pairs[name] = value.replace("\\n", "\n").replace("\\\\", "\\")
                elif separator == ":" and name.isascii():
                    fields[name.strip().lower()] = value.strip()
                    if name.strip().lower() in _FILES and value.strip().upper().startswith("LIST"):
                        break  # the names of the files follow, to the end
            return _Header(path, fields, pairs, stream.tell())
    except OSError as error:
        raise cannot_open(path, error) from None


def _load(header: _Header, sizes: Sequence[int], dtype: np.dtype, beside: int | None) -> np.ndarray:
    told = next((header.fields[name] for name in _FILES if name in header.fields), None)
    files, encoding = data_files(header.path, told, header.end), _encoding(header)
    voxels = read_files(
        header.path, files, tuple(reversed(sizes)), dtype, encoding,
        0 if files else header.end,
        lines=_skip(header, "line skip"), skip=_skip(header, "byte skip"),
    )  # fmt: skip
    return voxels if beside is None else np.moveaxis(voxels, len(sizes) - 1 - beside, -1)


def _skip(header: _Header, name: str) -> int:
    """A field such as "byte skip", which may be written without the space."""
    found = next((key for key in (name, name.replace(" ", "")) if key in header.fields), None)
    return header.integers(found)[0] if found else 0


NRRD = ImageReader(
    "NRRD",
    (".nrrd", ".nhdr"),
    "NRRD in raw, gzip, bzip2 or text encoding, in one file or with the voxels in files beside the header.",
    "Colours, more than three dimensions and headers without space, directions or origin are refused.",
    _open,
)
