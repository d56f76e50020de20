"""NIfTI-1 and NIfTI-2 files, packed or not.

The layout is that of nifti1.h and nifti2.h. Geometry follows their rule: the sform where its code is above 0,
else the qform; without either the header does not say how the axes lie in the patient. Where the two, or the
spacing, contradict each other, a finding says by how much.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from segae.errors import InputError
from segae.finding import Finding
from segae.geometry.grid import Grid
from segae.io.content import cannot_open, start_of, wrong_content
from segae.io.image import ImageReader, Opened, contradiction
from segae.io.stream import Encoding, damaged, is_gzip, read_voxels, unpacked

_EXACT_SCALE = 1 << 14  # 16-bit integers times less than this stay within 32 bits
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip
_OTHER_TYPES = {128: "RGB colours", 2304: "RGBA colours", 32: "complex numbers", 1792: "complex numbers"}
_MM = {1: 1000.0, 3: 0.001}  # of a metre and of a micrometre; every other code means millimetres
_ROUNDED = 1e-3  # share of the spacing by which its two statements may differ


# Where the fields of both versions of the header stand: struct code and first byte.
_VERSION_1 = {
    "dim": ("8h", 40), "datatype": ("h", 70), "bitpix": ("h", 72), "pixdim": ("8f", 76), "offset": ("f", 108),
    "slope": ("f", 112), "intercept": ("f", 116), "units": ("B", 123), "qform_code": ("h", 252),
    "sform_code": ("h", 254), "quatern": ("3f", 256), "q_origin": ("3f", 268), "srow": ("12f", 280),
}  # fmt: skip
_VERSION_2 = {
    "dim": ("8q", 16), "datatype": ("h", 12), "bitpix": ("h", 14), "pixdim": ("8d", 104),
    "offset": ("q", 168), "slope": ("d", 176), "intercept": ("d", 184), "units": ("i", 500),
    "qform_code": ("i", 344), "sform_code": ("i", 348), "quatern": ("3d", 352), "q_origin": ("3d", 376),
    "srow": ("12d", 400),
}  # fmt: skip
_VERSIONS = ((348, 344, b"n+1", _VERSION_1), (540, 4, b"n+2", _VERSION_2))


@dataclass(frozen=True)
class _Fields:
    """What a header says, in the units that it has there. `size`: of the header in bytes."""

    order: str
    size: int
    dim: tuple[int, ...]
    datatype: int
    bitpix: int
    pixdim: tuple[float, ...]
    offset: float
    slope: float
    intercept: float
    units: int
    qform_code: int
    sform_code: int
    quatern: tuple[float, ...]
    q_origin: tuple[float, ...]
    srow: tuple[float, ...]

    @classmethod
    def of(cls, header: bytes, path: Path) -> _Fields:
        """Raises `InputError` when `header` is the beginning of no NIfTI file."""
        for size, at, magic, places in _VERSIONS:
            for order in "<>":
                if (
                    len(header) >= size
                    and header[at : at + 3] == magic
                    and struct.unpack_from(order + "i", header)[0] == size
                ):
                    found: dict[str, tuple] = {
                        name: struct.unpack_from(order + code, header, first)
                        for name, (code, first) in places.items()
                    }
                    values: dict[str, Any] = {n: v if v[1:] else v[0] for n, v in found.items()}
                    return cls(order, size, **values)
        raise wrong_content(path, "NIfTI")


@dataclass(frozen=True)
class _Layout:
    """Where the voxels stand and what they are."""

    shape: tuple[int, ...]  # k, j, i
    dtype: np.dtype
    offset: int  # bytes from the start of the unpacked file to the first voxel
    slope: float
    intercept: float

    @property
    def is_scaled(self) -> bool:
        return (self.slope, self.intercept) != (1.0, 0.0)


def read_nifti_voxels(path: Path) -> np.ndarray:
    """Voxels [k, j, i] with slope and intercept applied; integers stay integers where that is exact.

    Raises `InputError` when the file is no NIfTI file, is cut short or is damaged.
    """
    return _open(path).load()


def has_extension(path: Path) -> bool:
    """Whether the header carries extensions, which is where label names may stand (nifti1.h, `extender`)."""
    return bool(read_extensions(path))


def read_extensions(path: Path) -> tuple[bytes, ...]:
    """The contents of the header's extensions; what is damaged among them is left out.

    Raises `InputError` when the file is no NIfTI file.
    """
    with _unpacked(path) as (stream, _):
        fields = _read_fields(stream, path)
        if stream.read(4)[:1] in (b"", b"\0"):
            return ()
        end, at, found = int(max(fields.offset, 0)), fields.size + 4, []
        while at + 8 <= end:
            size, _code = struct.unpack(fields.order + "2i", stream.read(8))
            if size < 8 or at + size > end:
                break
            found.append(stream.read(size - 8))
            at += size
        return tuple(found)


def _open(path: Path, series: str | None = None) -> Opened:
    with _unpacked(path) as (stream, _):
        fields = _read_fields(stream, path)
    layout = _layout(fields, path)
    grid, findings = _grid(fields, layout, path)
    header = {"qform_code": str(fields.qform_code), "sform_code": str(fields.sform_code)}
    precision = abs(layout.slope) / 2 if layout.is_scaled and layout.dtype.kind in "iu" else 0.0
    return Opened(grid, header, lambda: _load(path, layout), precision=precision, findings=findings)


@contextmanager
def _unpacked(path: Path) -> Iterator[tuple[BinaryIO, Encoding]]:
    """The unpacked bytes of the file, which may be packed whatever its name says, and how it was packed."""
    encoding: Encoding = "deflate" if is_gzip(start_of(path)) else "raw"
    try:
        with path.open("rb") as file, unpacked(file, encoding) as stream:
            yield stream, encoding
    except (EOFError, zlib.error):
        raise damaged(path, "its gzip stream is not whole") from None
    except OSError as error:
        raise cannot_open(path, error) from None


def _read_fields(stream: BinaryIO, path: Path) -> _Fields:
    header = stream.read(348)
    if len(header) == 348 and header[4:7] == b"n+2":
        header += stream.read(540 - 348)
    return _Fields.of(header, path)


def _layout(fields: _Fields, path: Path) -> _Layout:
    n_axes, *sizes = fields.dim
    if not 1 <= n_axes <= 7 or min(sizes[:n_axes]) < 1:
        raise damaged(path, "its header gives no sizes")
    while n_axes > 3 and sizes[n_axes - 1] == 1:
        n_axes -= 1
    if n_axes > 3:
        raise InputError(
            f'"{path}" has {n_axes} dimensions ({"x".join(map(str, sizes[:n_axes]))}); give one '
            "three-dimensional image."
        )
    if n_axes < 3:
        raise InputError(f'"{path}" has {n_axes} dimensions; give one three-dimensional image.')
    if fields.datatype in _OTHER_TYPES:
        what = _OTHER_TYPES[fields.datatype]
        raise InputError(f'"{path}" holds {what}; give one image with one value per voxel.')
    if fields.datatype not in _TYPES:
        raise InputError(
            f'"{path}" holds numbers of the type {fields.datatype}, which is not read; convert them to '
            "16-bit integers or 32-bit floats."
        )
    dtype = np.dtype(fields.order + _TYPES[fields.datatype])
    if fields.bitpix != 8 * dtype.itemsize:
        raise damaged(path, f"its header gives voxels of both {fields.bitpix} and {8 * dtype.itemsize} bits")
    offset = max(fields.offset, fields.size + 4.0)  # some writers leave it 0
    if not offset <= path.stat().st_size * 1032:  # as far as gzip can shrink
        raise damaged(path, "its voxels begin behind its end")
    slope, intercept = fields.slope, fields.intercept
    if not np.isfinite([slope, intercept]).all() or slope == 0:
        slope, intercept = 1.0, 0.0
    return _Layout(tuple(reversed(sizes[:3])), dtype, int(offset), slope, intercept)


def _grid(fields: _Fields, layout: _Layout, path: Path) -> tuple[Grid, tuple[Finding, ...]]:
    """The grid by the format's rule, and findings about what contradicts it."""
    nk, nj, ni = layout.shape
    scale = _MM.get(fields.units & 7, 1.0)

    def grid(affine: np.ndarray, placed: bool = True) -> Grid:
        return Grid((ni, nj, nk), np.vstack([affine * scale, [0.0, 0.0, 0.0, 1.0]]), placed)

    srow = np.reshape(fields.srow, (3, 4))
    stated = np.array(fields.pixdim[1:4], float)
    spacing = np.abs(stated)
    if fields.sform_code <= 0 and fields.qform_code <= 0:
        return grid(np.diag([*spacing, 1.0])[:3], placed=False), ()
    turned = _qform(fields, spacing) if fields.qform_code > 0 else None
    if fields.sform_code > 0:
        taken, others = grid(srow), []
        if turned is not None:
            others.append((grid(turned), "sform and qform place voxels differently, and the sform is taken"))
        widths = np.linalg.norm(srow[:, :3], axis=0)
        if widths.all() and (np.abs(widths - spacing) > _ROUNDED * widths).any():
            other = srow.copy()
            other[:, :3] *= spacing / widths
            what = f"pixdim gives {_mm(spacing)} mm and the sform {_mm(widths)} mm, which is taken"
            others.append((grid(other), what))
    else:
        assert turned is not None
        taken, others = grid(turned), []
    if (stated < 0).any():
        mirrored = taken.affine[:3].copy() / scale
        mirrored[:, :3] *= np.where(stated < 0, -1.0, 1.0)
        what = f"pixdim is negative, {_mm(stated)} mm, and is taken without its sign"
        others.append((grid(mirrored), what))
    found = (contradiction(path, taken, other, what) for other, what in others)
    return taken, tuple(finding for finding in found if finding is not None)


def _qform(fields: _Fields, spacing: np.ndarray) -> np.ndarray:
    """3x4 affine of the quaternion (nifti1.h, method 2); `spacing` without sign."""
    b, c, d = fields.quatern
    rest = 1.0 - (b * b + c * c + d * d)
    if rest < 1e-7:  # half a turn: b, c, d are scaled to length 1
        b, c, d = np.array([b, c, d]) / np.sqrt(b * b + c * c + d * d)
        a = 0.0
    else:
        a = np.sqrt(rest)
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    rotation[:, 2] *= -1.0 if fields.pixdim[0] < 0 else 1.0
    return np.column_stack([rotation * spacing, fields.q_origin])


def _mm(values: np.ndarray) -> str:
    return " x ".join(f"{value:.4g}" for value in values)


def _load(path: Path, layout: _Layout) -> np.ndarray:
    with _unpacked(path) as (stream, encoding):
        stream.seek(layout.offset) if encoding == "raw" else stream.read(layout.offset)
        return _scaled(read_voxels([(path, stream)], layout.shape, layout.dtype, encoding), layout)


def _scaled(voxels: np.ndarray, layout: _Layout) -> np.ndarray:
    if not layout.is_scaled:
        return voxels
    scale = (layout.slope, layout.intercept)
    whole = all(number.is_integer() and abs(number) < _EXACT_SCALE for number in scale)
    if whole and voxels.dtype.kind in "iu" and voxels.dtype.itemsize <= 2:
        return voxels.astype(np.int32) * int(layout.slope) + int(layout.intercept)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found later, as infinite
        return voxels.astype(np.float32) * np.float32(layout.slope) + np.float32(layout.intercept)


NIFTI = ImageReader(
    "NIfTI",
    (".nii", ".nii.gz"),
    "NIfTI-1 and NIfTI-2, packed with gzip or not, placed by the sform or else by the qform.",
    "Pairs of .hdr and .img, colours, complex numbers and more than three dimensions are refused.",
    _open,
)
