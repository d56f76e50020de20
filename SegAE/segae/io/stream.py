"""The bytes of voxels: unpacked to their very end, with their checksum and in exactly the right number.

What is missing, left over or changed in a compressed stream is an error; nothing is filled in.
"""

from __future__ import annotations

import bz2
import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from segae.errors import InputError
from segae.files import reason

Encoding = Literal["raw", "deflate", "bzip2", "text"]

_MOST_SHRUNK: dict[str, int] = {"raw": 1, "deflate": 1032, "bzip2": 40_000, "text": 1}  # as much as each can
_CHUNK = 1 << 22  # bytes that are unpacked at a time
_BUFFER = 1 << 16  # bytes; a header is shorter, and what is longer passes it by
_MOST_PADDING = 4096  # zero bytes that some writers add to fill a block
_EITHER = 32 + zlib.MAX_WBITS  # a gzip or a zlib stream, whichever it is


class _Unpacked(io.RawIOBase):
    """A deflate stream (gzip, in any number of members, or zlib) or a bzip2 stream, unpacked.

    Raises EOFError when it ends early, zlib.error or OSError when it is damaged.
    """

    def __init__(self, packed: BinaryIO, encoding: Encoding) -> None:
        self._packed, self._encoding = packed, encoding
        self._unpacker, self._waiting = self._new(), b""

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._packed.close()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        while True:
            if self._unpacker.eof and not self._next_member():
                return 0
            data = self._unpack(len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)

    def _unpack(self, most: int) -> bytes:
        packed = self._waiting or self._packed.read(1 << 18)
        if isinstance(self._unpacker, bz2.BZ2Decompressor):
            needs = self._unpacker.needs_input
            if needs and not packed:
                raise EOFError
            data = self._unpacker.decompress(packed if needs else b"", most)
            self._waiting = self._unpacker.unused_data if needs else packed
            return data
        data = self._unpacker.decompress(packed, most)
        self._waiting = self._unpacker.unconsumed_tail or self._unpacker.unused_data
        if not (packed or data or self._unpacker.eof):
            raise EOFError
        return data

    def _next_member(self) -> bool:
        """Whether another member begins behind one that ended; zeros there are padding."""
        rest = (self._waiting or self._packed.read(_MOST_PADDING)).lstrip(b"\0")
        while not rest:
            rest = self._packed.read(_CHUNK)
            if not rest:
                return False
            rest = rest.lstrip(b"\0")
        self._unpacker, self._waiting = self._new(), rest
        return True

    def _new(self) -> zlib._Decompress | bz2.BZ2Decompressor:
        return bz2.BZ2Decompressor() if self._encoding == "bzip2" else zlib.decompressobj(_EITHER)


def is_gzip(start: bytes) -> bool:
    """Whether a file that begins so is packed with gzip."""
    return start[:2] == b"\x1f\x8b"


def unpacked(stream: BinaryIO, encoding: Encoding) -> BinaryIO:
    """What `stream` holds, from where it stands."""
    if encoding in ("raw", "text"):
        return stream
    return io.BufferedReader(_Unpacked(stream, encoding), _BUFFER)  # type: ignore[return-value]


def read_voxels(
    parts: Sequence[tuple[Path, BinaryIO]],
    shape: tuple[int, ...],
    dtype: np.dtype,
    encoding: Encoding = "raw",
) -> np.ndarray:
    """Voxels of `shape` and `dtype` from one file or from several that hold equal parts of them, slowest axis
    first. Each of `parts` is a path, for sentences, and its unpacked bytes from the first voxel on.

    Raises `InputError` when bytes are missing, left over or damaged, or memory does not suffice.
    """
    path = parts[0][0]
    if shape[0] % len(parts):
        raise damaged(path, f"its {shape[0]} slices do not fit {len(parts)} files of voxels")
    if encoding == "text":
        return np.concatenate([_numbers(part, stream) for part, stream in parts]).astype(dtype).reshape(shape)
    n_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
    on_disk = sum(part.stat().st_size for part, _ in parts)
    if n_bytes > on_disk * _MOST_SHRUNK[encoding]:
        raise damaged(path, f"its header promises {n_bytes} bytes of voxels, the file has {on_disk}")
    try:
        voxels = np.empty(shape, dtype)
    except MemoryError:
        raise InputError(
            f'"{path}" needs {n_bytes / 2**30:.0f} GB of memory; use a larger machine.'
        ) from None
    for one, (part, stream) in zip(
        np.split(voxels.reshape(-1).view(np.uint8), len(parts)), parts, strict=True
    ):
        _fill(one, stream, part)
    return voxels


def _fill(rest: np.ndarray, stream: BinaryIO, path: Path) -> None:
    wanted = rest.size
    try:
        while rest.size:
            n_read = stream.readinto(rest[:_CHUNK].data)  # type: ignore[attr-defined]
            if not n_read:
                raise damaged(path, f"{rest.size} of {wanted} bytes of voxels are missing")
            rest = rest[n_read:]
        _expect_end(stream, path)
    except EOFError:
        raise damaged(path, "its packed voxels end too early") from None
    except (zlib.error, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise InputError(f'"{path}" cannot be read ({reason(error)}); check its disk.') from None
        raise damaged(path, "its packed voxels do not fit their checksum") from None


def _expect_end(stream: BinaryIO, path: Path) -> None:
    """The checksum stands at the end of a stream, so it is read to there."""
    left_over, is_padding = 0, True
    while chunk := stream.read(_CHUNK):
        left_over += len(chunk)
        is_padding = is_padding and not chunk.strip(b"\0")
    if left_over and not (is_padding and left_over <= _MOST_PADDING):
        raise damaged(path, f"it holds {left_over} bytes more than the voxels that its header promises")


def _numbers(path: Path, stream: BinaryIO) -> np.ndarray:
    try:
        return np.array(stream.read().split(), float)
    except ValueError:
        raise damaged(path, "its voxels are no numbers") from None


def damaged(path: Path, what: str) -> InputError:
    """The sentence for a file whose voxels or header are not whole."""
    return InputError(f'"{path}" is cut short or damaged ({what}); copy it again from its source.')
